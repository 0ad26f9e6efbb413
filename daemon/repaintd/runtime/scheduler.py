"""The scheduler: the one place that decides when.

Per binding at most one refresh runs and at most one waits: a trigger that arrives while one runs
causes exactly one more run after it, however many triggers arrive.

Due times come and go as wall time; the timetable is kept in monotonic time, so that a clock that is
set starts no herd and stops nothing.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

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
        self._waiting: dict[str, Trigger] = {}
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
        if due_at is None:
            self._timetable.remove(uid)
            return
        at = self._clock.monotonic() + (due_at - self._clock.now())
        earlier = self._timetable.next_at()
        self._timetable.set(uid, at)
        if earlier is None or at < earlier:
            self._wake.set()

    def trigger(self, uid: str, trigger: Trigger) -> bool:
        """Refresh *uid* now, or once more after the run that is under way.

        Returns:
            True when this caused a run of its own, False when one was waiting already.
        """
        first = uid not in self._waiting
        self._waiting[uid] = trigger
        if uid not in self._running:
            self.set(uid, self._clock.now())
        return first

    def remove(self, uid: str) -> None:
        """Forget *uid*; a run under way ends by itself and is the last."""
        self._waiting.pop(uid, None)
        self.set(uid, None)

    def interrupt(self, uid: str) -> None:
        """Cancel the run of *uid* that is under way, if there is one."""
        task = self._running.get(uid)
        if task is not None:
            task.cancel()

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
        for _ in range(STARTS_PER_TURN):
            if self._draining:
                return False
            due = self._timetable.pop_due(now)
            if due is None:
                return False
            uid, at = due
            self._start(tasks, uid, now - at)
        return True

    def _start(self, tasks: asyncio.TaskGroup, uid: str, lag: float) -> None:
        trigger = self._waiting.pop(uid, None) or self._trigger_of(uid)
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
                raise
            self._log.error("a refresh cancelled itself; please report this", binding=uid)
        except Exception:  # noqa: BLE001 — a bug in one refresh must not stop the others
            self._log.exception("a refresh broke; please report this", binding=uid)
        finally:
            del self._running[uid]
            if not self._running:
                self._idle.set()
        next_due = self._aside.pop(uid, next_due)
        self.set(uid, self._clock.now() if uid in self._waiting else next_due)

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
