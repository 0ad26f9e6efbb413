"""The scheduler: the one place that decides when.

Per binding at most one refresh runs and at most one waits: a trigger that arrives while one runs
causes exactly one more run after it, however many triggers arrive. Bursts of triggers are gathered
(`core.coalescing`); a run whose time comes meanwhile takes the gathered ones with it.

Due times come and go as wall time; the timetable is kept in monotonic time, so that a clock that is
set starts no herd and stops nothing.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from repaintd.core.coalescing import Bursts
from repaintd.core.timetable import Timetable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from repaintd.core.ports import Clock
    from repaintd.core.state import Trigger

    Run = Callable[[str, Trigger, float], Awaitable[float | None]]
    TriggerOf = Callable[[str], Trigger]

LONGEST_SLEEP: Final = 30.0  # so that a scheduler that stands still is noticed
AFTER_A_BUG: Final = 60.0
SLACK: Final = 0.1  # seconds that a timer may be late, so that many start at one waking-up
STARTS_PER_TURN: Final = 100  # the loop answers others between so many starts


class Scheduler:
    """Starts refreshes at their time and on triggers.

    Args:
        run: carries one refresh out, told how many seconds late it starts, and returns when the
            binding is due next, in wall time.
        trigger_of: what to call a run that time alone has started.
    """

    def __init__(self, *, run: Run, trigger_of: TriggerOf, clock: Clock, log: Any) -> None:
        self._run = run
        self._trigger_of = trigger_of
        self._clock = clock
        self._log = log
        self._timetable = Timetable()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._triggered: set[str] = set()  # those of them that took triggers
        self._bursts = Bursts()
        self._by_time: dict[str, float] = {}  # when who has triggers waiting would run without them
        self._on_run_end: Callable[[str], None] | None = None
        self._aside: dict[str, float | None] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self.last_turn_at = clock.monotonic()

    def set(self, uid: str, due_at: float | None) -> None:
        """Make *uid* due then, in wall time; None takes it off the timetable.

        While it runs, what is set here counts for afterwards, instead of what the run returns.
        """
        if uid in self._running:
            self._aside[uid] = due_at
            return
        at = None
        if due_at is not None:
            at = self._clock.monotonic() + (due_at - self._clock.now())
        waiting = self._bursts.waiting(uid)
        if waiting is not None:
            at = self._with_waiting(uid, at, waiting.due_at)
        if at is None:
            self._timetable.remove(uid)
            return
        earlier = self._timetable.next_at()
        self._timetable.set(uid, at)
        if earlier is None or at < earlier:
            self._wake.set()

    def trigger(
        self, uid: str, trigger: Trigger, *, debounce: float = 0.0, max_wait: float = 0.0
    ) -> bool:
        """Refresh *uid*: at once after a quiet time, else when the burst allows it.

        Never while a run is under way: that one has not seen what the trigger is about; after one
        that time alone has started, at once. *debounce* is how many seconds without another trigger
        end a burst, 0 for a run as soon as can be, together with whatever was gathered; *max_wait*
        how many a burst may put the run off in all.

        Returns:
            True when this caused a run of its own, False when one was waiting already.
        """
        now, running = self._clock.monotonic(), uid in self._running
        first = self._bursts.waiting(uid) is None
        waiting = self._bursts.add(
            uid,
            trigger,
            now,
            debounce=debounce,
            max_wait=max_wait,
            running=uid in self._triggered,
        )
        if not running:
            self._bring_forward(uid, waiting.due_at, first=first)
        return first

    def _bring_forward(self, uid: str, due_at: float, *, first: bool) -> None:
        """Run *uid* at *due_at* or before; what puts a run off is found out when its time comes."""
        planned = self._timetable.at(uid)
        if first and planned is not None:
            self._by_time[uid] = planned
        if planned is None or due_at < planned:
            self._timetable.set(uid, due_at)
        elif not first:
            return
        self._wake.set()

    def _with_waiting(self, uid: str, at: float | None, due_at: float) -> float:
        """When *uid* runs that would at *at* without the triggers that wait, due at *due_at*."""
        due_at = max(due_at, self._clock.monotonic())
        if at is None:
            self._by_time.pop(uid, None)
            return due_at
        self._by_time[uid] = at
        return min(at, due_at)

    def on_run_end(self, callback: Callable[[str], None]) -> None:
        """Call *callback* with the uid at the end of every run; it must not raise."""
        self._on_run_end = callback

    def remove(self, uid: str) -> None:
        """Forget *uid*; a run under way ends by itself and is the last."""
        self._bursts.drop(uid)
        self._by_time.pop(uid, None)
        self.set(uid, None)

    def interrupt(self, uid: str) -> None:
        """Cancel the run of *uid* that is under way, if there is one."""
        task = self._running.get(uid)
        if task is not None:
            task.cancel()

    def is_running(self, uid: str) -> bool:
        """Whether a run of *uid* is under way."""
        return uid in self._running

    async def stop(self, uid: str, deadline: float) -> bool:
        """Forget *uid*, and interrupt its run.

        Returns:
            False when the run has not ended after *deadline* seconds.
        """
        self.remove(uid)
        task = self._running.get(uid)
        if task is None:
            return True
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=deadline)
        self.remove(uid)  # a trigger may have come meanwhile
        return bool(done)

    @property
    def running(self) -> int:
        """How many refreshes are under way."""
        return len(self._running)

    async def serve(self) -> None:
        """Start what is due, until cancelled; refreshes under way are then cancelled too."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self.last_turn_at = self._clock.monotonic()
                more = self._start_due(tasks)
                await (asyncio.sleep(0) if more else self._sleep())

    async def drain(self, deadline: float) -> bool:
        """Start nothing more and wait for what is under way.

        Returns:
            False when something still runs after *deadline* seconds.
        """
        self._draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                await self._idle.wait()
        return not self._running

    def _start_due(self, tasks: asyncio.TaskGroup) -> bool:
        """Start due refreshes, some at a time; True when more are due."""
        now = self._clock.monotonic()
        self._bursts.forget(now)
        for _ in range(STARTS_PER_TURN):
            if self._draining:
                return False
            due = self._timetable.pop_due(now)
            if due is None:
                return False
            uid, at = due
            waiting = self._bursts.waiting(uid)
            if waiting is not None and self._is_put_off(uid, waiting.due_at, now):
                continue
            if waiting is not None:
                self._triggered.add(uid)
            trigger = self._trigger_of(uid) if waiting is None else self._take(uid, now)
            self._start(tasks, uid, trigger, now - at)
        return True

    def _is_put_off(self, uid: str, due_at: float, now: float) -> bool:
        """Whether a burst goes on, so that its run is due later than was thought."""
        at = min(due_at, self._by_time.get(uid, due_at))
        if at <= now:
            return False
        self._timetable.set(uid, at)
        return True

    def _take(self, uid: str, now: float) -> Trigger:
        self._by_time.pop(uid, None)
        return self._bursts.take(uid, now) or self._trigger_of(uid)

    def _start(self, tasks: asyncio.TaskGroup, uid: str, trigger: Trigger, lag: float) -> None:
        self._idle.clear()
        self._running[uid] = tasks.create_task(
            self._refresh(uid, trigger, lag), name=f"refresh:{uid}"
        )

    async def _refresh(self, uid: str, trigger: Trigger, lag: float) -> None:
        next_due: float | None = self._clock.now() + AFTER_A_BUG
        try:
            next_due = await self._run(uid, trigger, lag)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                self._aside.pop(uid, None)  # not for the next run, if there ever is one
                raise
            self._log.error("a refresh cancelled itself; please report this", binding=uid)
        except Exception:  # noqa: BLE001 — a bug in one refresh must not stop the others
            self._log.exception("a refresh broke; please report this", binding=uid)
        finally:
            self._ended(uid)
        self.set(uid, self._aside.pop(uid, next_due))

    def _ended(self, uid: str) -> None:
        del self._running[uid]
        self._triggered.discard(uid)
        if not self._running:
            self._idle.set()
        if self._on_run_end is not None:
            self._on_run_end(uid)

    async def _sleep(self) -> None:
        next_at = None if self._draining else self._timetable.next_at()
        seconds = LONGEST_SLEEP
        if next_at is not None:
            wake_at = math.ceil(next_at / SLACK) * SLACK
            seconds = min(LONGEST_SLEEP, max(0.0, wake_at - self._clock.monotonic()))
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
