"""The parts of the daemon, opened in order on one exit stack and closed in reverse."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import prometheus_client

from repaintd import __version__
from repaintd.app.host import DaemonHost
from repaintd.app.keys import open_keys
from repaintd.app.live_keys import LiveKeys
from repaintd.app.tools import Home, Tools, open_tools
from repaintd.config import secret_resolver
from repaintd.core.state import Trigger
from repaintd.metrics import Metrics
from repaintd.net import OwnListener
from repaintd.output import ImageDirectory, open_images
from repaintd.runtime.catalogue import Catalogue
from repaintd.runtime.clock import SystemClock
from repaintd.runtime.deliveries import Deliveries
from repaintd.runtime.history import History
from repaintd.runtime.intake import Intakes
from repaintd.runtime.limits import FetchLimits
from repaintd.runtime.refresher import Refresher
from repaintd.runtime.resumption import trigger_of
from repaintd.runtime.scheduler import Scheduler
from repaintd.runtime.steps import MeasuredSteps
from repaintd.store import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AsyncExitStack

    from repaintd.app.configure import Loaded
    from repaintd.config import Configuration
    from repaintd.core.ports import Clock
    from repaintd.core.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that is open.

    Attributes:
        configuration: settings and places as they were at the start, without bindings and
            templates; what is active now, `Reloading` knows.
    """

    configuration: Configuration
    clock: Clock
    log: Any
    registry: prometheus_client.CollectorRegistry
    metrics: Metrics
    store: Store
    images: ImageDirectory
    defaults: ImageDirectory
    host: DaemonHost
    own_listener: OwnListener
    secret: Callable[[str], Secret]
    keys: LiveKeys
    tools: Tools
    catalogue: Catalogue
    steps: MeasuredSteps
    refresher: Refresher
    history: History
    deliveries: Deliveries


async def open_parts(
    stack: AsyncExitStack, loaded: Loaded, *, log: Any, environ: Mapping[str, str]
) -> Parts:
    """Open everything that refreshes need, and what tells of them.

    Raises:
        StartupFailed: the message says what to do.
    """
    configuration = loaded.configuration
    server, state = configuration.settings.server, configuration.state_path
    public_url = server.public_url.rstrip("/")
    clock = SystemClock()
    registry = prometheus_client.CollectorRegistry()
    metrics = Metrics(registry, version=__version__)
    catalogue = Catalogue()
    store = await stack.enter_async_context(open_store(state, clock=clock))
    secret = secret_resolver(environ)
    keys = await asyncio.to_thread(open_keys, server.api_keys, state, secret, log)
    images = await stack.enter_async_context(open_images(configuration.output_path))
    defaults = await stack.enter_async_context(open_images(state / "defaults"))
    host = DaemonHost(catalogue, images, public_url)
    own_listener = OwnListener(public_url)
    tools = await open_tools(
        stack,
        loaded,
        registry,
        directory=state / "plugins",
        log=log,
        environ=environ,
        home=Home(host=host, inbox=store, own_listener=own_listener),
    )
    steps = _steps(configuration, tools, images, metrics, clock)
    refresher = Refresher(
        catalogue=catalogue,
        steps=steps,
        store=store,
        defaults=defaults,
        metrics=metrics,
        clock=clock,
        log=log,
        public_url=public_url,
        render_timeout=configuration.settings.render.timeout,
    )
    history = History(store, log=log)
    return Parts(
        configuration=replace(configuration, bindings={}, templates={}),
        clock=clock,
        log=log,
        registry=registry,
        metrics=metrics,
        store=store,
        images=images,
        defaults=defaults,
        host=host,
        own_listener=own_listener,
        secret=secret,
        keys=LiveKeys(keys),
        tools=tools,
        catalogue=catalogue,
        steps=steps,
        refresher=refresher,
        history=history,
        deliveries=Deliveries(
            history=history, outbox=store, events=store, metrics=metrics, clock=clock, log=log
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Turning:
    """What decides when: the scheduler, and the way in for triggers."""

    scheduler: Scheduler
    intakes: Intakes


def connect(parts: Parts) -> Turning:
    """A scheduler over the parts, and triggers that reach it; nothing turns yet."""
    scheduler = Scheduler(
        run=parts.refresher.run,
        trigger_of=lambda uid: trigger_for(parts, uid),
        clock=parts.clock,
        log=parts.log,
    )
    intakes = Intakes(
        catalogue=parts.catalogue,
        inbox=parts.store,
        scheduler_trigger=scheduler.trigger,
        metrics=parts.metrics,
        clock=parts.clock,
        log=parts.log,
    )
    scheduler.on_run_end(intakes.run_ended)
    parts.host.connect(intakes)
    return Turning(scheduler=scheduler, intakes=intakes)


def trigger_for(parts: Parts, uid: str) -> Trigger:
    """What to call a run of *uid* that time alone has started."""
    view = parts.catalogue.get(uid)
    return Trigger.UPDATE if view is None else trigger_of(view)


def _steps(
    configuration: Configuration,
    tools: Tools,
    images: ImageDirectory,
    metrics: Metrics,
    clock: Clock,
) -> MeasuredSteps:
    refresh = configuration.settings.refresh
    return MeasuredSteps(
        sources=tools.sources,
        engine=tools.engine,
        renderer=tools.renderer,
        renderer_name=tools.renderer_name,
        images=images,
        limits=FetchLimits(concurrency=refresh.concurrency, per_host=refresh.per_host),
        metrics=metrics,
        clock=clock,
        timeout=refresh.timeout,
        max_bytes=refresh.max_bytes,
    )
