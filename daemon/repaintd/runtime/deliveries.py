"""All sinks: each has a task of its own, and none can harm another."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from repaintd.errors import StoreUnavailable
from repaintd.runtime.delivery_insistence import insist
from repaintd.runtime.delivery_replay import Replays
from repaintd.runtime.sink_parts import SinkParts
from repaintd.runtime.sink_runner import LaneRunner
from repaintd.runtime.sink_stream import StreamRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.core.ports import Clock, EventLog, EventSink, Outbox
    from repaintd.metrics import Metrics
    from repaintd.runtime.history import History
    from repaintd.runtime.sink_parts import SinkRunner

AFTER_A_BUG: Final = 60.0


@dataclass(slots=True, eq=False)
class _Slot:
    """One sink.

    Attributes:
        born_at: position of the latest event when it was added.
        runner: None until it has opened, and after a bug.
        before: tasks of sinks of this name that have still to end.
    """

    name: str
    sink: EventSink
    born_at: int
    runner: SinkRunner | None = None
    task: asyncio.Task[None] | None = None
    before: tuple[asyncio.Task[None], ...] = ()

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """All that have to end before another sink of this name may begin."""
        return self.before if self.task is None else (*self.before, self.task)


class Deliveries:
    """Tells sinks of events, at least once each, in order per binding.

    Args:
        history: what the sinks read; served by somebody else.
        outbox: what is remembered of deliveries.
        events: the durable history, and where it is announced that a sink was given up.
        metrics: told of every attempt.
        clock: says when retries are due.
        log: a structlog logger.
        dice: gives random numbers in [0, 1).
    """

    def __init__(
        self,
        *,
        history: History,
        outbox: Outbox,
        events: EventLog,
        metrics: Metrics,
        clock: Clock,
        log: Any,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._history = history
        self._outbox = outbox
        self._events = events
        self._metrics = metrics
        self._clock = clock
        self._log = log
        self._dice = dice
        self._replays = Replays(history=history, events=events, outbox=outbox)
        self._slots: dict[str, _Slot] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._draining = False
        self._opening = asyncio.Lock()  # all entries of a sink are in memory then: one at a time

    def add(self, name: str, sink: EventSink) -> None:
        """Deliver to *sink* from now on; instead of another one of that name, if there is one.

        A sink that nothing is remembered of gets the events from now on, none from before. May be
        called before serving and while serving.
        """
        previous = self._slots.get(name)
        slot = _Slot(name=name, sink=sink, born_at=self._events.latest)
        if previous is not None:
            slot.born_at = previous.born_at
            slot.before = tuple(task for task in previous.tasks if not task.done())
            if previous.task is not None:
                previous.task.cancel()
        self._slots[name] = slot
        self._start(slot)

    async def remove(self, name: str) -> None:
        """Deliver to it no more, and drop all that is remembered of it.

        Raises:
            StoreUnavailable: it is told of nothing any more, but is still remembered; call again.
        """
        slot = self._slots.pop(name, None)
        if slot is not None and slot.task is not None:
            slot.task.cancel()
            await asyncio.wait(slot.tasks)
        self._metrics.forget_sink(name)
        if name in self._outbox.sinks():
            await self._outbox.forget_sink(name)

    async def forget_absent(self, prefix: str) -> None:
        """Drop what is remembered of sinks that nobody added, if their names begin so.

        Raises:
            StoreUnavailable: some are still remembered; call again.
        """
        for name in list(self._outbox.sinks()):
            if name.startswith(prefix) and name not in self._slots:
                await self._outbox.forget_sink(name)

    async def serve(self) -> NoReturn:
        """Deliver until cancelled. Run it as a named task."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                for slot in self._slots.values():
                    self._start(slot)
                await self._follow_history()
            finally:
                self._tasks = None

    async def replay(self, wanted: str) -> int:
        """Deliver once more, with the same id and bytes: dead letters, and what is kept of others.

        An event that waits for a retry is tried at once. An event's id means every sink that wants
        it and is at work. Sinks without a schedule of retries take part in none of this.

        Args:
            wanted: id of a delivery or of an event.

        Returns:
            How many deliveries it caused; 0 where nothing is known of that id (any more).

        Raises:
            StoreUnavailable: not all of it is known or written; call again.
        """
        found = await self._replays.find(wanted, self._slots)
        at_work = [name for name in found if (slot := self._slots.get(name)) and slot.runner]
        told = [await self._running(name).replay(found[name]) for name in at_work or found]
        return sum(told)

    async def resume(self, name: str) -> bool:
        """Make a sink active again that was given up, and try what waits for it at once.

        One that was not given up stays as it is.

        Returns:
            False when there is no such sink.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        if name not in self._slots:
            return False
        await self._running(name).resume()
        return True

    def poke(self, name: str) -> None:
        """Tell that a sink may not be held any more; without it that shows within a minute."""
        slot = self._slots.get(name)
        if slot is not None and slot.runner is not None:
            slot.runner.poke()

    async def drain(self, seconds: float) -> bool:
        """Begin no more attempts, and wait for those under way.

        Returns:
            False when some have not ended after so many *seconds*; they are made again.
        """
        self._draining = True
        runners = [slot.runner for slot in self._slots.values() if slot.runner is not None]
        for runner in runners:
            runner.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for runner in runners:
                    await runner.idle()
                return True
        return False

    def _start(self, slot: _Slot) -> None:
        if self._tasks is not None:
            deliver = self._supervise(slot)
            slot.task = self._tasks.create_task(deliver, name=f"sink:{slot.name}")

    async def _supervise(self, slot: _Slot) -> NoReturn:
        """Deliver to one sink; a bug in it, or in us, stops it for a while and nobody else."""
        log = self._log.bind(sink=slot.name)
        if slot.before:
            await asyncio.wait(slot.before)
            slot.before = ()
            await self._caught_up(slot.name, log)
        while True:
            try:
                await self._deliver(slot, log)
            except Exception:  # whatever it is, it is logged, and this sink's alone
                log.exception("delivery to a sink broke; please report this")
            finally:
                slot.runner = None
            await asyncio.sleep(AFTER_A_BUG)

    async def _caught_up(self, name: str, log: Any) -> None:
        """Wait until all is written that a runner asked for before it was cancelled.

        Writes keep their order, so one that changes nothing comes behind it.
        """
        await insist(
            lambda: self._outbox.drop_owed(name, ()),
            log=log,
            dice=self._dice,
            what="waiting for what was written last",
        )

    async def _deliver(self, slot: _Slot, log: Any) -> None:
        runner = self._runner(slot, log)
        async with self._opening:
            await runner.open(slot.born_at)
        slot.runner = runner
        if self._draining:
            runner.stop()
        await runner.serve()

    def _runner(self, slot: _Slot, log: Any) -> SinkRunner:
        parts = SinkParts(
            name=slot.name,
            sink=slot.sink,
            history=self._history,
            outbox=self._outbox,
            events=self._events,
            metrics=self._metrics,
            clock=self._clock,
            log=log,
            dice=self._dice,
        )
        return LaneRunner(parts) if slot.sink.policy.retries else StreamRunner(parts)

    def _running(self, name: str) -> SinkRunner:
        slot = self._slots.get(name)
        if slot is None or slot.runner is None:
            raise StoreUnavailable(f"sink {name} cannot be changed just now; try again in a minute")
        return slot.runner

    async def _follow_history(self) -> NoReturn:
        """Keep the gauges true of sinks that read nothing just now."""
        seen = self._history.latest
        while True:
            await self._history.wait(seen)
            seen = self._history.latest
            for slot in self._slots.values():
                if slot.runner is not None:
                    slot.runner.gauge()
