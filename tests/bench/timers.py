"""When bindings are due, as the scheduler and the states have it, before and after something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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
    """

    set: float | None
    due: float | None
    attempted: float | None
    running: bool
    offset: float

    @property
    def consistent(self) -> bool:
        """Whether timetable and state say the same."""
        if self.running or self.set is None or self.due is None:
            return self.running
        return abs(self.set + self.offset - self.due) <= SLEW


def moved(before: Mapping[str, Timer], after: Mapping[str, Timer], ttl: float) -> list[str]:
    """The uids of those that are not due when they would have been.

    Who did not run meanwhile, is due at the very same instant; who ran, whole periods later.
    """
    return [uid for uid, one in before.items() if not _kept(one, after.get(uid), ttl)]


def _kept(before: Timer, after: Timer | None, ttl: float) -> bool:
    if after is None or not after.consistent or before.due is None or after.due is None:
        return False
    if not (before.running or after.running or before.attempted != after.attempted):
        return (before.set, before.due) == (after.set, after.due)
    periods = (after.due - before.due) / ttl
    return abs(periods - round(periods)) * ttl <= NOISE and periods > -NOISE
