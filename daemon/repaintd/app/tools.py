"""What it takes to draw an image: plugins, the way out, the template engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repaintd import __version__
from repaintd.config import secret_resolver
from repaintd.core.egress import EgressPolicy
from repaintd.net import open_door
from repaintd.plugin import PluginContext
from repaintd.registry import PluginStatus, open_plugins
from repaintd.render.engine import open_engine
from repaintd.runtime.sources import PushedSource, StaticSource
from repaintd.runtime.steps import NoRenderer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AsyncExitStack

    from prometheus_client import CollectorRegistry

    from repaintd.app.configure import Loaded
    from repaintd.core.ports import Renderer, Source, TemplateEngine
    from repaintd.plugin import HttpDoor
    from repaintd.registry import OpenPlugins, PluginRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Everything between a source and an image."""

    sources: Mapping[str, Source]
    engine: TemplateEngine
    renderer: Renderer
    renderer_name: str
    records: tuple[PluginRecord, ...]


async def open_tools(
    stack: AsyncExitStack,
    loaded: Loaded,
    registry: CollectorRegistry,
    *,
    directory: Path,
    log: Any,
    environ: Mapping[str, str],
) -> Tools:
    """Open them on *stack*, each plugin with a private directory in *directory*.

    A plugin that cannot serve is a line in the log, and what needs it fails.
    """
    settings = loaded.configuration.settings
    door = await stack.enter_async_context(
        open_door(
            EgressPolicy.parse(settings.egress.allow),
            per_host=settings.refresh.per_host,
            limit=settings.refresh.concurrency,
            user_agent=f"repaintd/{__version__}",
        )
    )
    contexts = plugin_contexts(
        loaded, door, registry, directory=directory, log=log, environ=environ
    )
    plugins = await stack.enter_async_context(
        open_plugins(loaded.records, settings.plugins, contexts, log)
    )
    _report(plugins, log)
    name, renderer = _renderer(plugins)
    return Tools(
        sources={"static": StaticSource(), "webhook": PushedSource(), **plugins.sources},
        engine=await stack.enter_async_context(open_engine()),
        renderer=renderer,
        renderer_name=name,
        records=tuple(plugins.records),
    )


def plugin_contexts(
    loaded: Loaded,
    door: HttpDoor,
    registry: CollectorRegistry,
    *,
    directory: Path,
    log: Any,
    environ: Mapping[str, str],
) -> Callable[[str], PluginContext]:
    """What each plugin is handed, by its name."""
    settings = loaded.configuration.settings.render.for_plugins()

    def context_for(name: str) -> PluginContext:
        own = Path(directory) / name
        own.mkdir(parents=True, exist_ok=True, mode=0o700)
        return PluginContext(
            http=door,
            secret=secret_resolver(environ),
            registry=registry,
            log=log.bind(plugin=name),
            directory=own,
            render=settings,
        )

    return context_for


def _report(plugins: OpenPlugins, log: Any) -> None:
    for record in plugins.records:
        if record.status is not PluginStatus.LOADED:
            log.error(
                "plugin does not serve",
                plugin=record.name,
                status=record.status.value,
                reason=record.reason,
            )


def _renderer(plugins: OpenPlugins) -> tuple[str, Renderer]:
    """The renderer for HTML; where there is none, one that says why."""
    for name, renderer in plugins.renderers.items():
        return name, renderer
    reasons = [f"{record.name}: {record.reason}" for record in plugins.records if record.reason]
    return "none", NoRenderer("; ".join(reasons) or "no renderer plugin is installed")
