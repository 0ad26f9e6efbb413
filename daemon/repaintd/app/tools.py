"""What it takes to draw an image: plugins, the way out, the template engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

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
    from repaintd.core.ports import EventSink, Inbox, Renderer, Source, TemplateEngine
    from repaintd.core.subscription import Subscription
    from repaintd.plugin import Host, HttpDoor
    from repaintd.registry import OpenPlugins, PluginRecord


USER_AGENT: Final = f"repaintd/{__version__}"
RECEIVERS: Final = 512
RECEIVERS_PER_HOST: Final = 32
RECEIVER_KEEP_ALIVE: Final = 2.0
"""Seconds: a POST that runs into a connection that its receiver just closed is a failed attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What tools are told of the daemon that they work in.

    Attributes:
        own_listener: whether an address and a port are those of the daemon's own listener.
    """

    host: Host
    inbox: Inbox
    own_listener: Callable[[str, int], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Everything between a source and an image, and what is told of it afterwards.

    Attributes:
        sinks: receivers of events by name.
        subscribers: makers of sinks for outgoing webhooks, by plugin.
    """

    sources: Mapping[str, Source]
    engine: TemplateEngine
    renderer: Renderer
    renderer_name: str
    sinks: Mapping[str, EventSink]
    subscribers: Mapping[str, Callable[[Subscription], EventSink]]
    records: tuple[PluginRecord, ...]


async def open_tools(
    stack: AsyncExitStack,
    loaded: Loaded,
    registry: CollectorRegistry,
    *,
    directory: Path,
    log: Any,
    environ: Mapping[str, str],
    home: Home | None = None,
) -> Tools:
    """Open them on *stack*, each plugin with a private directory in *directory*.

    A plugin that cannot serve is a line in the log, and what needs it fails.
    """
    settings = loaded.configuration.settings
    policy = EgressPolicy.parse(settings.egress.allow)
    door = await stack.enter_async_context(
        open_door(
            policy,
            per_host=settings.refresh.per_host,
            limit=settings.refresh.concurrency,
            user_agent=USER_AGENT,
        )
    )
    contexts = plugin_contexts(
        loaded, door, registry, directory=directory, log=log, environ=environ
    )
    if home is not None:
        contexts = await _at_home(stack, contexts, home, policy)
    plugins = await stack.enter_async_context(
        open_plugins(loaded.records, settings.plugins, contexts, log)
    )
    _report(plugins, log)
    name, renderer = _renderer(plugins)
    return Tools(
        sources={
            "static": StaticSource(),
            "webhook": PushedSource(home.inbox if home else None),
            **plugins.sources,
        },
        engine=await stack.enter_async_context(open_engine()),
        renderer=renderer,
        renderer_name=name,
        sinks=plugins.sinks,
        subscribers=plugins.subscribers,
        records=tuple(plugins.records),
    )


async def _at_home(
    stack: AsyncExitStack,
    contexts: Callable[[str], PluginContext],
    home: Home,
    policy: EgressPolicy,
) -> Callable[[str], PluginContext]:
    """The same, for plugins that may tell the world of what a running daemon does.

    Receivers have connections of their own: one that hangs takes none from the sources.
    """
    door = await stack.enter_async_context(
        open_door(
            policy,
            per_host=RECEIVERS_PER_HOST,
            limit=RECEIVERS,
            user_agent=USER_AGENT,
            own=home.own_listener,
            keep_alive=RECEIVER_KEEP_ALIVE,
        )
    )
    return lambda name: replace(contexts(name), delivery_http=door, host=home.host)


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
            # One that waits for its settings is not wanted here.
            say = log.debug if record.status is PluginStatus.DISABLED else log.error
            say(
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
