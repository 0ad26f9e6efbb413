"""When bindings are due, as the scheduler and the states have it, before and after something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from repaintd.core.schedule import next_on_grid

if TYPE_CHECKING:
    from collections.abc import Mapping

NOISE: Final = 0.001
"""Seconds: floating point, and grids that are computed from other instants."""
SLEW: Final = 0.05
"""Seconds that the wall clock may have been adjusted by since a timer was set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """When one binding is due.

    Attributes:
        set: in the scheduler's timetable, in monotonic time; None when it is not there.
        due: in the state, in wall time; None for never.
        attempted: when it ran last, in wall time.
        running: whether a run is under way, which takes it off the timetable.
        offset: wall time less monotonic time.
        reason: the last error, or else why it is due then.
    """

    set: float | None
    due: float | None
    attempted: float
    running: bool
    offset: float
    reason: str = ""

    @property
    def consistent(self) -> bool:
        """Whether timetable and state say the same."""
        if self.running or self.set is None or self.due is None:
            return self.running
        return abs(self.set + self.offset - self.due) <= SLEW


def moved(before: Mapping[str, Timer], after: Mapping[str, Timer], ttl: float) -> list[str]:
    """The uids of those that are not due when they would have been, had nothing happened.

    Who did not run meanwhile, is due at the very same instant; who did, ran no earlier than it was
    due, and goes on in its own rhythm of one run each *ttl* seconds.
    """
    return [uid for uid, one in before.items() if not _kept(uid, one, after.get(uid), ttl)]


def _kept(uid: str, before: Timer, after: Timer | None, ttl: float) -> bool:
    if after is None or not after.consistent or before.due is None or after.due is None:
        return False
    if before.attempted == after.attempted and not before.running:
        return after.due == before.due and (after.running or after.set == before.set)
    if not before.running and after.attempted < before.due - NOISE:
        return False
    return _in_rhythm(uid, after.due, after.attempted, ttl)


def _in_rhythm(uid: str, due: float, attempted: float, ttl: float) -> bool:
    on_grid = abs(next_on_grid(uid, ttl, due - ttl / 2) - due) <= NOISE
    return on_grid and ttl / 2 <= due - attempted <= 2 * ttl
