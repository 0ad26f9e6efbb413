"""The burst rule: many triggers of a binding become few runs. Pure: the clock is an argument.

The first trigger after a quiet time causes a run at once. Those that follow are gathered: they
cause one more run, *debounce* seconds after the last of them or *max_wait* seconds after the first,
whichever comes earlier. A binding is quiet while no run that triggers caused is under way, and none
began within the last *debounce* seconds: a run that time alone has started begins no burst.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repaintd.core.state import Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Triggers of one binding that wait for one run, in monotonic time.

    Attributes:
        trigger: the latest, after which the run is called.
        first_at: when the first of them came.
        due_at: when their run is due.
        at_once: whether one of them must not be put off, so that later ones do not either.
        debounce: the longest of them all: for so long after the run a trigger is no first one.
    """

    trigger: Trigger
    first_at: float
    due_at: float
    at_once: bool
    debounce: float


class Bursts:
    """The bindings with triggers that wait, and those whose quiet time is not over.

    Nothing is kept of any other binding.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self._quiet_at: dict[str, float] = {}
        self._endings: list[tuple[float, str]] = []

    def __len__(self) -> int:
        """How many bindings are remembered."""
        return len(self._waiting.keys() | self._quiet_at.keys())

    def waiting(self, uid: str) -> Waiting | None:
        """The triggers of *uid* that wait; None where none do."""
        return self._waiting.get(uid)

    def add(
        self,
        uid: str,
        trigger: Trigger,
        now: float,
        *,
        debounce: float,
        max_wait: float,
        running: bool,
    ) -> Waiting:
        """Take one trigger more.

        *debounce* and *max_wait* are seconds; a debounce of 0 lets the trigger, and all that wait
        with it, run at once. *running* says that a run of *uid* is under way that took triggers: it
        has not seen this one.
        """
        before = self._waiting.get(uid)
        if before is None:
            quiet = not running and now >= self._quiet_at.get(uid, now)
            before = Waiting(
                trigger=trigger, first_at=now, due_at=now, at_once=quiet, debounce=debounce
            )
        due_at = min(now + debounce, before.first_at + max_wait)
        if before.at_once or debounce <= 0:
            due_at = min(now, before.due_at)
        self._waiting[uid] = waiting = Waiting(
            trigger=trigger,
            first_at=before.first_at,
            due_at=due_at,
            at_once=before.at_once or debounce <= 0,
            debounce=max(debounce, before.debounce),
        )
        return waiting

    def take(self, uid: str, now: float) -> Trigger | None:
        """A run of *uid* begins and sees all that wait; None where nothing does."""
        waiting = self._waiting.pop(uid, None)
        if waiting is None:
            return None
        if waiting.debounce > 0:
            self._quiet_at[uid] = ends_at = now + waiting.debounce
            heapq.heappush(self._endings, (ends_at, uid))
        return waiting.trigger

    def drop(self, uid: str) -> None:
        """Forget *uid*."""
        self._waiting.pop(uid, None)
        self._quiet_at.pop(uid, None)

    def forget(self, now: float) -> None:
        """Forget the bindings that have become quiet."""
        while self._endings and self._endings[0][0] <= now:
            ends_at, uid = heapq.heappop(self._endings)
            if self._quiet_at.get(uid) == ends_at:
                del self._quiet_at[uid]
