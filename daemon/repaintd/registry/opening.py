"""Opens plugins and gathers what they serve."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from repaintd.errors import PluginError
from repaintd.registry.record import PluginRecord, PluginStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from contextlib import AbstractAsyncContextManager

    from repaintd.plugin import (
        Components,
        EventSink,
        Plugin,
        PluginContext,
        Renderer,
        Source,
        Subscription,
    )

OPEN_TIMEOUT: Final = 30.0
CLOSE_TIMEOUT: Final = 20.0


@dataclass(slots=True)
class OpenPlugins:
    """All that open plugins serve, and the final record of each plugin.

    Attributes:
        sinks: receivers of events, by `plugin` or `plugin/name`.
        subscribers: makers of sinks for outgoing webhooks, by plugin; the first one is used.
    """

    sources: dict[str, Source] = field(default_factory=dict)
    renderers: dict[str, Renderer] = field(default_factory=dict)
    sinks: dict[str, EventSink] = field(default_factory=dict)
    subscribers: dict[str, Callable[[Subscription], EventSink]] = field(default_factory=dict)
    records: list[PluginRecord] = field(default_factory=list)


@asynccontextmanager
async def open_plugins(
    records: Iterable[PluginRecord],
    settings: Mapping[str, Any],
    context_for: Callable[[str], PluginContext],
    log: Any,
    timeout: float = OPEN_TIMEOUT,  # noqa: ASYNC109 — per plugin, not for the whole block
) -> AsyncIterator[OpenPlugins]:
    """Open every loaded plugin, one after the other; close them in reverse at the end.

    A plugin whose settings have to be given and are not is disabled.
    """
    opened = OpenPlugins()
    async with AsyncExitStack() as stack:
        for record in records:
            if record.plugin is None or record.status is not PluginStatus.LOADED:
                opened.records.append(record)
            elif record.name not in settings:
                reason = f"it needs settings: plugins.{record.name} in repaintd.yaml"
                opened.records.append(replace(record, status=PluginStatus.DISABLED, reason=reason))
            else:
                opening = _Opening(record.plugin, settings[record.name], context_for, log)
                opened.records.append(await _open(stack, record, opening, opened, timeout))
        yield opened


async def _open(
    stack: AsyncExitStack,
    record: PluginRecord,
    opening: _Opening,
    opened: OpenPlugins,
    timeout: float,  # noqa: ASYNC109 — applied right below
) -> PluginRecord:
    try:
        async with asyncio.timeout(timeout):
            return _gather(record, await stack.enter_async_context(opening), opened)
    except PluginError as error:
        status = error.status if error.status in set(PluginStatus) else "self_check_failed"
        return replace(record, status=PluginStatus(status), reason=str(error))
    except TimeoutError:
        reason = f"it was not ready within {timeout:.0f} s"
        return replace(record, status=PluginStatus.SELF_CHECK_FAILED, reason=reason)
    except Exception as error:  # noqa: BLE001 — a stranger's code may raise anything
        reason = f"{type(error).__name__}: {error}"
        return replace(record, status=PluginStatus.LOAD_ERROR, reason=reason)


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
    for name, sink in components.sinks.items():
        opened.sinks[f"{record.name}/{name}" if name else record.name] = sink
    if components.subscriber is not None:
        opened.subscribers[record.name] = components.subscriber
    return record


class _Opening:
    """A plugin's context, which closes within a deadline and never breaks the way out."""

    def __init__(
        self,
        plugin: Plugin,
        settings: Any,
        context_for: Callable[[str], PluginContext],
        log: Any,
    ) -> None:
        self._plugin = plugin
        self._settings = settings
        self._context_for = context_for
        self._log = log
        self._manager: AbstractAsyncContextManager[Components] | None = None

    async def __aenter__(self) -> Components:
        context = self._context_for(self._plugin.name)
        manager = self._plugin.open(self._settings, context)
        components = await manager.__aenter__()
        self._manager = manager
        return components

    async def __aexit__(self, *error: object) -> None:
        if self._manager is None:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._manager.__aexit__(None, None, None)
        except Exception as broken:  # noqa: BLE001 — the same
            self._log.error("plugin did not close", plugin=self._plugin.name, error=str(broken))
