"""The daemon: settings become objects, objects run, a signal ends it all in reverse order."""

from __future__ import annotations

import asyncio
import gc
import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final, NoReturn

from repaintd.app.health import DaemonHealth
from repaintd.app.parts import Parts, Turning, connect, open_parts
from repaintd.app.reloading import open_reloads
from repaintd.app.surface import open_surface
from repaintd.app.telling import add_sinks, start_work
from repaintd.core.binding import ImageFormat
from repaintd.metrics import watch_loop
from repaintd.runtime.lifecycle import (
    Terminate,
    call_on_hangup,
    raise_descriptor_limit,
    stop_on_signals,
)
from repaintd.runtime.missing_files import forget_unrecorded, watch_files
from repaintd.runtime.resumption import first_due
from repaintd.runtime.staleness import watch_staleness
from repaintd.runtime.watching import Watcher
from repaintd.systemd import Notifier, watchdog_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from repaintd.app.configure import Loaded
    from repaintd.core.state import BindingState
    from repaintd.runtime.reload import Reloads
    from repaintd.runtime.scheduler import Scheduler
    from repaintd.web import Listener

START_SECONDS: Final = 180.0
DRAIN_SECONDS: Final = 25.0
TELLING_SECONDS: Final = 5.0
"""At the end, for attempts to deliver that are under way: what they miss is told after a start."""
CLOSE_SECONDS: Final = 45.0


async def run_daemon(
    loaded: Loaded,
    *,
    log: Any,
    environ: Mapping[str, str],
    announce: Callable[[str, str], None],
) -> None:
    """Serve until a signal ends it; SIGHUP reads the configuration again.

    Args:
        loaded: a checked configuration.
        log: a structlog logger.
        environ: for `NOTIFY_SOCKET`, `WATCHDOG_USEC` and secret references.
        announce: told the public URL and the output directory when all is up.

    Raises:
        StartupFailed: it cannot run here; the message says what to do.
    """
    raise_descriptor_limit()
    stop, hangup = asyncio.Event(), asyncio.Event()
    notifier = Notifier.from_environ(environ)
    async with AsyncExitStack() as stack:
        stack.enter_context(stop_on_signals(stop, log))
        stack.enter_context(call_on_hangup(hangup.set))
        gc.disable()  # a start makes a great many objects and no garbage
        stack.callback(gc.enable)
        notifier.extend_timeout(START_SECONDS)
        parts = await open_parts(stack, loaded, log=log, environ=environ)
        turning = connect(parts)
        shelf = await _take_over(parts, loaded)
        await add_sinks(parts)
        health = DaemonHealth(parts, turning.scheduler)
        await health.look()
        reloads, reload = open_reloads(parts, turning, loaded, notifier, shelf)
        listener = await open_surface(stack, parts, health, turning, reload)
        gc.collect()
        gc.freeze()
        gc.enable()
        _schedule(parts, turning.scheduler)
        _ready(parts, listener, notifier, announce)
        others = {
            "watchdog": _watchdog(health, notifier, watchdog_interval(environ, os.getpid())),
            "signals": _end(parts, turning.scheduler, notifier, stop),
            **_reloading(parts, loaded, reloads, hangup),
        }
        del loaded  # what a reload replaces is not to be held for ever
        await _serve(parts, turning, health, others)


async def _take_over(parts: Parts, loaded: Loaded) -> dict[str, BindingState]:
    """Join configuration and memory; what is no longer configured loses its image and its state.

    Returns:
        The states of those that keep both all the same.
    """
    now = parts.clock.now()
    states = parts.store.states()
    _adopt(parts, states)
    gone = parts.catalogue.load(
        loaded.configuration.bindings, loaded.templates, states, now, parts.store.received()
    )
    shelf = {} if _may_drop(parts, loaded, gone) else states
    if gone and not shelf:
        await _drop(parts, gone)
    await forget_unrecorded(parts.catalogue, parts.images)
    return shelf


def _schedule(parts: Parts, scheduler: Scheduler) -> None:
    """Plan every first run, last of all before the scheduler turns: who is due now is not late."""
    now = parts.clock.now()
    for entry in parts.catalogue.entries():
        due = first_due(entry, now, len(parts.catalogue))
        entry.plan(due)
        scheduler.set(entry.binding.uid, due.at)


def _may_drop(parts: Parts, loaded: Loaded, gone: Sequence[str]) -> bool:
    """Whether bindings that are gone may lose their images; all of them at once only when told to.

    An emptied configuration is more often an accident (a checkout under way, a volume that is not
    mounted) than a wish.
    """
    if not gone or len(parts.catalogue) or loaded.allow_empty:
        return True
    parts.log.error(
        "the configuration has no bindings; the images of all earlier ones are kept, "
        "`repaintd run --allow-empty` removes them",
        count=len(gone),
    )
    return False


async def _drop(parts: Parts, gone: Sequence[str]) -> None:
    """Remove images and states of bindings that are gone."""
    for uid in gone:
        await parts.images.remove(uid)
        await parts.defaults.remove(uid)
    await asyncio.gather(*(parts.store.forget(uid) for uid in gone))  # one transaction for many
    parts.log.info("bindings removed", count=len(gone), first=gone[0])


def _adopt(parts: Parts, states: Mapping[str, BindingState]) -> None:
    """Tell which files in the directories are ours: only those are ever removed."""
    for uid, state in states.items():
        if state.image is not None:
            parts.images.adopt(uid, f"{uid}.{state.image.format}")
        if state.default_image:
            for each in ImageFormat:
                parts.defaults.adopt(uid, f"{uid}.{each.value}")


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


def _reloading(
    parts: Parts, loaded: Loaded, reloads: Reloads[Loaded], hangup: asyncio.Event
) -> dict[str, Coroutine[Any, Any, None]]:
    """What sees to it that the configuration is read again, by name."""
    tasks: dict[str, Coroutine[Any, Any, None]] = {
        "reload": reloads.serve(),
        "hangup": _on_hangup(hangup, reloads),
    }
    settings = loaded.configuration.settings.reload
    if settings.watch:
        watcher = Watcher(
            loaded.tree.directory,
            notice=reloads.notice,
            log=parts.log,
            again=settings.poll_seconds,
        )
        tasks["watch"] = watcher.serve()
    return tasks


async def _on_hangup(hangup: asyncio.Event, reloads: Reloads[Loaded]) -> NoReturn:
    while True:
        await hangup.wait()
        hangup.clear()
        reloads.ask()


async def _serve(
    parts: Parts,
    turning: Turning,
    health: DaemonHealth,
    others: Mapping[str, Coroutine[Any, Any, None]],
) -> None:
    scheduler = turning.scheduler
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(scheduler.serve(), name="scheduler")
            tasks.create_task(parts.history.serve(), name="history")
            tasks.create_task(parts.deliveries.serve(), name="deliveries")
            start_work(parts, tasks)
            tasks.create_task(watch_loop(parts.metrics, parts.clock), name="loop-lag")
            tasks.create_task(
                watch_files(parts.catalogue, parts.images, scheduler.trigger, parts.log),
                name="files",
            )
            tasks.create_task(parts.steps.watch(scheduler.interrupt), name="deadlines")
            staleness = watch_staleness(
                parts.catalogue, parts.refresher.tell_freshness, parts.clock
            )
            tasks.create_task(staleness, name="staleness")
            tasks.create_task(health.watch(), name="health")
            for name, work in others.items():
                tasks.create_task(work, name=name)
    except* Terminate:
        parts.log.info("stopped")


async def _end(parts: Parts, scheduler: Scheduler, notifier: Notifier, stop: asyncio.Event) -> None:
    """Wait for the order to stop, let refreshes under way finish, tell of them, end the others."""
    await stop.wait()
    notifier.stopping()
    notifier.extend_timeout(DRAIN_SECONDS + CLOSE_SECONDS)
    if not await scheduler.drain(DRAIN_SECONDS):
        parts.log.warning("refreshes cancelled at the deadline", running=scheduler.running)
    await parts.deliveries.drain(TELLING_SECONDS)
    raise Terminate


async def _watchdog(health: DaemonHealth, notifier: Notifier, interval: float | None) -> None:
    """Tell systemd that we live, where it wants to know and only when a real check says so."""
    while interval is not None:
        if (await health.live()).ok:
            notifier.watchdog()
        await asyncio.sleep(interval)
