"""The daemon's own parts in this process, and a treadmill that keeps its scheduler busy."""

from __future__ import annotations

import asyncio
import gc
import os
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from repaintd.app import Loaded, Options, load
from repaintd.app.parts import Parts, open_parts, trigger_for
from repaintd.core.state import Trigger
from repaintd.core.status import total
from repaintd.logs import configure_logging
from repaintd.runtime.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from repaintd.core.ports import Clock
    from repaintd.core.state import BindingState
    from repaintd.core.template import Template
    from repaintd.core.view import Tally
    from repaintd.runtime.scheduler import Run

BROWSER: Final = "chromium"
ENVIRONMENT: Final = {
    name: value
    for name, value in os.environ.items()
    if name != "STATE_DIRECTORY" and not name.startswith(("REPAINTD_OUTPUT", "REPAINTD_STATE"))
}


class RefreshesFailed(Exception):
    """The daemon did not do the work that was to be measured."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """An open daemon without listener, whose scheduler runs."""

    parts: Parts
    templates: Mapping[str, Template]
    scheduler: Scheduler
    treadmill: Treadmill

    async def rate(self, seconds: float) -> float:
        """Refreshes a second when every binding is due again as soon as it is done.

        Raises:
            RefreshesFailed: a binding failed.
        """
        uids = [view.binding.uid for view in self.parts.catalogue.all()]
        self.treadmill.start()
        now = self.parts.clock.now()
        for uid in uids:
            self.scheduler.set(uid, now)
        started = self.parts.clock.monotonic()
        await asyncio.sleep(seconds)
        rate = self.treadmill.done / (self.parts.clock.monotonic() - started)
        self.treadmill.stop()
        await self.settle()
        return rate

    async def refresh(self, uid: str) -> float:
        """Seconds from a trigger to the end of the refresh that it makes run."""
        ended = self.treadmill.end()
        started = self.parts.clock.monotonic()
        self.scheduler.trigger(uid, Trigger.WEBHOOK)
        await ended
        return self.parts.clock.monotonic() - started

    async def settle(self) -> None:
        """Wait until nothing runs, and see that nothing failed."""
        while self.scheduler.running:
            await asyncio.sleep(0.01)
        for view in self.parts.catalogue.all():
            if view.state.error_count:
                raise RefreshesFailed(f"{view.binding.uid}: {view.state.last_error}")

    def total(self) -> Tally:
        """What all bindings did so far."""
        return total(self.parts.metrics.tallies().values())


class Treadmill:
    """Between scheduler and refresher: while it turns, who is done is due at once."""

    def __init__(self, run: Run, clock: Clock) -> None:
        self._run = run
        self._clock = clock
        self._turning = False
        self._end: asyncio.Future[None] | None = None
        self.done = 0

    def start(self) -> None:
        """Turn, and count from zero."""
        self.done = 0
        self._turning = True

    def stop(self) -> None:
        """Let refreshes under way be the last."""
        self._turning = False

    def end(self) -> asyncio.Future[None]:
        """Done when the next refresh to end has ended."""
        self._end = asyncio.get_running_loop().create_future()
        return self._end

    async def run(self, uid: str, trigger: Trigger, lag: float) -> float | None:
        """Refresh once; due again now, or never."""
        await self._run(uid, trigger, lag)
        self.done += 1
        if self._end is not None:
            self._end.set_result(None)
            self._end = None
        return self._clock.now() if self._turning else None


def loaded(config: Path, *, browser: bool) -> Loaded:
    """The configuration as the daemon loads it; without *browser* nothing can draw."""
    whole = load(Options(directory=config, environ=ENVIRONMENT))
    if browser:
        return whole
    return replace(whole, records=tuple(r for r in whole.records if r.name != BROWSER))


@contextmanager
def quiet_log() -> Iterator[Any]:
    """The daemon's log as it is in production, written to nowhere."""
    with Path(os.devnull).open("w", encoding="utf-8") as sink:
        configure_logging(sink, json=True, level="info")
        yield structlog.get_logger("repaintd")


@asynccontextmanager
async def open_daemon(
    configuration: Loaded, states: dict[str, BindingState]
) -> AsyncIterator[Daemon]:
    """Open everything that refreshes need; nothing is due before somebody says so.

    Args:
        configuration: what `loaded` gave.
        states: what the daemon remembers, by uid; empty for a first start.
    """
    async with AsyncExitStack() as stack:
        log = stack.enter_context(quiet_log())
        parts = await open_parts(stack, configuration, log=log, environ=ENVIRONMENT)
        now = parts.clock.now()
        bindings = configuration.configuration.bindings
        parts.catalogue.load(bindings, configuration.templates, states, now)
        treadmill = Treadmill(parts.refresher.run, parts.clock)
        scheduler = Scheduler(
            run=treadmill.run,
            trigger_of=lambda uid: trigger_for(parts, uid),
            clock=parts.clock,
            log=log,
        )
        gc.collect()
        gc.freeze()  # as the daemon does once it is up
        task = asyncio.create_task(scheduler.serve(), name="scheduler")
        try:
            yield Daemon(parts, configuration.templates, scheduler, treadmill)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
