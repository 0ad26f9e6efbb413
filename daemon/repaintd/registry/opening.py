"""Opens plugins and gathers what they serve."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from repaintd.errors import PluginError
from repaintd.registry.record import PluginRecord, PluginStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from contextlib import AbstractAsyncContextManager

    from repaintd.plugin import Components, PluginContext, Renderer, Source

OPEN_TIMEOUT = 60.0


@dataclass(slots=True)
class OpenPlugins:
    """All that open plugins serve, and the final record of each plugin."""

    sources: dict[str, Source] = field(default_factory=dict)
    renderers: dict[str, Renderer] = field(default_factory=dict)
    records: list[PluginRecord] = field(default_factory=list)


@asynccontextmanager
async def open_plugins(
    records: Iterable[PluginRecord],
    settings: Mapping[str, Any],
    context_for: Callable[[str], PluginContext],
    timeout: float = OPEN_TIMEOUT,  # noqa: ASYNC109 — per plugin, not for the whole block
) -> AsyncIterator[OpenPlugins]:
    """Open every loaded plugin, one after the other; close them in reverse at the end."""
    opened = OpenPlugins()
    async with AsyncExitStack() as stack:
        for record in records:
            if record.plugin is None or record.status is not PluginStatus.LOADED:
                opened.records.append(record)
                continue
            context = context_for(record.name)
            manager = record.plugin.open(settings.get(record.name), context)
            opened.records.append(await _open(stack, record, manager, opened, timeout))
        yield opened


async def _open(
    stack: AsyncExitStack,
    record: PluginRecord,
    manager: AbstractAsyncContextManager[Components],
    opened: OpenPlugins,
    timeout: float,  # noqa: ASYNC109 — applied right below
) -> PluginRecord:
    try:
        async with asyncio.timeout(timeout):
            components = await stack.enter_async_context(manager)
    except PluginError as error:
        return replace(record, status=PluginStatus(error.status), reason=str(error))
    except TimeoutError:
        reason = f"it was not ready within {timeout:.0f} s"
        return replace(record, status=PluginStatus.SELF_CHECK_FAILED, reason=reason)
    except Exception as error:  # noqa: BLE001 — a stranger's code may raise anything
        reason = f"{type(error).__name__}: {error}"
        return replace(record, status=PluginStatus.LOAD_ERROR, reason=reason)
    return _gather(record, components, opened)


def _gather(record: PluginRecord, components: Components, opened: OpenPlugins) -> PluginRecord:
    taken = sorted(
        (components.sources.keys() & opened.sources.keys())
        | (components.renderers.keys() & opened.renderers.keys())
    )
    if taken:
        reason = f"another plugin serves {', '.join(taken)} already"
        return replace(record, status=PluginStatus.CONFIG_ERROR, reason=reason)
    opened.sources.update(components.sources)
    opened.renderers.update(components.renderers)
    return record
