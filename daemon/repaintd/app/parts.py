"""The parts of the daemon, opened in order on one exit stack and closed in reverse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import prometheus_client

from repaintd import __version__
from repaintd.app.tools import Tools, open_tools
from repaintd.metrics import Metrics
from repaintd.output import ImageDirectory, open_images
from repaintd.runtime.catalogue import Catalogue
from repaintd.runtime.clock import SystemClock
from repaintd.runtime.limits import FetchLimits
from repaintd.runtime.refresher import Refresher
from repaintd.runtime.steps import MeasuredSteps
from repaintd.store import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AsyncExitStack

    from repaintd.app.configure import Loaded
    from repaintd.config import Configuration
    from repaintd.core.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that is open."""

    configuration: Configuration
    clock: Clock
    log: Any
    registry: prometheus_client.CollectorRegistry
    metrics: Metrics
    store: Store
    images: ImageDirectory
    defaults: ImageDirectory
    tools: Tools
    catalogue: Catalogue
    steps: MeasuredSteps
    refresher: Refresher


async def open_parts(
    stack: AsyncExitStack, loaded: Loaded, *, log: Any, environ: Mapping[str, str]
) -> Parts:
    """Open everything that refreshes need.

    Raises:
        StartupFailed: the message says what to do.
    """
    configuration = loaded.configuration
    state = configuration.state_path
    clock = SystemClock()
    registry = prometheus_client.CollectorRegistry()
    metrics = Metrics(registry, version=__version__)
    catalogue = Catalogue()
    store = await stack.enter_async_context(open_store(state, clock=clock))
    images = await stack.enter_async_context(open_images(configuration.output_path))
    defaults = await stack.enter_async_context(open_images(state / "defaults"))
    tools = await open_tools(
        stack, loaded, registry, directory=state / "plugins", log=log, environ=environ
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
        public_url=configuration.settings.server.public_url.rstrip("/"),
        render_timeout=configuration.settings.render.timeout,
    )
    return Parts(
        configuration=configuration,
        clock=clock,
        log=log,
        registry=registry,
        metrics=metrics,
        store=store,
        images=images,
        defaults=defaults,
        tools=tools,
        catalogue=catalogue,
        steps=steps,
        refresher=refresher,
    )


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
