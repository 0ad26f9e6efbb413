"""The daemon: settings become objects, objects run, a signal ends it all in reverse order."""

from __future__ import annotations

import asyncio
import gc
import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

from repaintd.app.health import DaemonHealth
from repaintd.app.parts import Parts, open_parts
from repaintd.app.surface import open_surface
from repaintd.core import schedule
from repaintd.core.binding import ImageFormat
from repaintd.core.state import Trigger
from repaintd.metrics import watch_loop
from repaintd.runtime.catalogue import first_due, forget_image, plan
from repaintd.runtime.lifecycle import Terminate, raise_descriptor_limit, stop_on_signals
from repaintd.runtime.scheduler import Scheduler
from repaintd.systemd import Notifier, watchdog_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from repaintd.app.configure import Loaded
    from repaintd.core.state import BindingState
    from repaintd.web import Listener

DRAIN_SECONDS: Final = 30.0


async def run_daemon(
    loaded: Loaded,
    *,
    log: Any,
    environ: Mapping[str, str],
    announce: Callable[[str, str], None],
) -> None:
    """Serve until a signal ends it.

    Args:
        loaded: a checked configuration.
        log: a structlog logger.
        environ: for `NOTIFY_SOCKET`, `WATCHDOG_USEC` and secret references.
        announce: told the public URL and the output directory when all is up.

    Raises:
        StartupFailed: it cannot run here; the message says what to do.
    """
    raise_descriptor_limit()
    stop = asyncio.Event()
    notifier = Notifier.from_environ(environ)
    async with AsyncExitStack() as stack:
        stack.enter_context(stop_on_signals(stop, log))
        parts = await open_parts(stack, loaded, log=log, environ=environ)
        scheduler = Scheduler(
            run=parts.refresher.run,
            trigger_of=lambda uid: trigger_of(parts, uid),
            clock=parts.clock,
            log=log,
        )
        await _take_over(parts, scheduler, loaded)
        health = DaemonHealth(parts, scheduler)
        listener = await open_surface(stack, parts, health)
        gc.collect()
        gc.freeze()
        _ready(parts, listener, notifier, announce)
        ticks = _watchdog(health, notifier, watchdog_interval(environ, os.getpid()))
        await _serve(parts, scheduler, _end(scheduler, notifier, stop, log), ticks)
        notifier.stopping()


def trigger_of(parts: Parts, uid: str) -> Trigger:
    """What to call a run that time has started."""
    view = parts.catalogue.get(uid)
    if view is None or view.state.due_reason == "changed" or not schedule.polls(view.binding):
        return Trigger.UPDATE
    return Trigger(view.binding.refresh.type.value)


async def _take_over(parts: Parts, scheduler: Scheduler, loaded: Loaded) -> None:
    """Join configuration and memory; what is no longer configured loses its image and its state."""
    now = parts.clock.now()
    states = parts.store.states()
    _adopt(parts, states)
    gone = parts.catalogue.load(loaded.configuration.bindings, loaded.templates, states, now)
    if gone:
        await _drop(parts, gone, allowed=bool(len(parts.catalogue)) or loaded.allow_empty)
    await _check_files(parts)
    for view in parts.catalogue.all():
        entry = parts.catalogue.entry(view.binding.uid)
        if entry is not None:
            due = first_due(entry, now, len(parts.catalogue))
            plan(entry, due)
            scheduler.set(view.binding.uid, due.at)


async def _drop(parts: Parts, gone: Sequence[str], *, allowed: bool) -> None:
    """Remove images and states of bindings that are gone; all of them at once only when told to.

    An emptied configuration is more often an accident (a checkout under way, a volume that is not
    mounted) than a wish.
    """
    if not allowed:
        parts.log.error(
            "the configuration has no bindings; the images of all earlier ones are kept, "
            "`repaintd run --allow-empty` removes them",
            count=len(gone),
        )
        return
    for uid in gone:
        await parts.images.remove(uid)
        await parts.defaults.remove(uid)
        await parts.store.forget(uid)
    parts.log.info("bindings removed", count=len(gone), first=gone[0])


def _adopt(parts: Parts, states: Mapping[str, BindingState]) -> None:
    """Tell which files in the directories are ours: only those are ever removed."""
    for uid, state in states.items():
        if state.image is not None:
            parts.images.adopt(uid, f"{uid}.{state.image.format}")
        if state.default_image:
            for each in ImageFormat:
                parts.defaults.adopt(uid, f"{uid}.{each.value}")


async def _check_files(parts: Parts) -> None:
    """Files that were published and are gone are drawn again."""
    recorded = {
        f"{view.binding.uid}.{view.state.image.format}": view.binding.uid
        for view in parts.catalogue.all()
        if view.state.image is not None
    }
    for filename in await parts.images.missing(recorded):
        entry = parts.catalogue.entry(recorded[filename])
        if entry is not None:
            forget_image(entry)


def _ready(
    parts: Parts, listener: Listener, notifier: Notifier, announce: Callable[[str, str], None]
) -> None:
    parts.metrics.config_reloaded(successful=True, at=parts.clock.now())
    parts.log.info(
        "ready",
        bindings=len(parts.catalogue),
        port=listener.port,
        output=str(parts.configuration.output_path),
    )
    notifier.ready()
    announce(parts.configuration.settings.server.public_url, str(parts.configuration.output_path))


async def _serve(
    parts: Parts,
    scheduler: Scheduler,
    end: Coroutine[Any, Any, None],
    watchdog: Coroutine[Any, Any, None],
) -> None:
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(scheduler.serve(), name="scheduler")
            tasks.create_task(watch_loop(parts.metrics, parts.clock), name="loop-lag")
            tasks.create_task(watchdog, name="watchdog")
            tasks.create_task(end, name="signals")
    except* Terminate:
        parts.log.info("stopped")


async def _end(scheduler: Scheduler, notifier: Notifier, stop: asyncio.Event, log: Any) -> None:
    """Wait for the order to stop, let refreshes under way finish, then end the others."""
    await stop.wait()
    notifier.stopping()
    notifier.extend_timeout(DRAIN_SECONDS + 10)
    if not await scheduler.drain(DRAIN_SECONDS):
        log.warning("refreshes cancelled at the deadline", running=scheduler.running)
    raise Terminate


async def _watchdog(health: DaemonHealth, notifier: Notifier, interval: float | None) -> None:
    """Tell systemd that we live, where it wants to know and only when a real check says so."""
    while interval is not None:
        if (await health.live()).ok:
            notifier.watchdog()
        await asyncio.sleep(interval)
