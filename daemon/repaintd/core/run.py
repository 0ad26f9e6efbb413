"""What is remembered of the runs of one binding, so that somebody can be told why it is as it is.

Most runs end with nothing to do, again and again. Such runs in a row are one `Streak`, counted in
place; every other run, and every streak that has ended, is a `Run`, written down once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from repaintd.core.fetch import NotModified

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.core.pipeline import Outcome
    from repaintd.core.state import Fallback, Trigger

KEPT: Final = 20
"""Runs that are kept of a binding, a streak counted as one."""
KEPT_FAILURES: Final = 10
"""Failed runs that are kept, though 20 others came after them."""
STAGES: Final = ("turn", "fetch", "map", "queue", "expand", "render", "publish", "commit")
"""What a run spends its time on: waiting for a turn at its host, asking the source, mapping,
waiting for a turn to draw, filling the template, drawing, putting the file in place, recording."""
_NO_TIMES: Final[Mapping[str, float]] = MappingProxyType({})


class Ending(StrEnum):
    """How a run ended."""

    NOT_MODIFIED = "not_modified"
    UNCHANGED = "unchanged"
    SAME_BYTES = "same_bytes"
    PUBLISHED = "published"
    WAITING = "waiting"
    FAILED = "failed"


COUNTED: Final = frozenset({Ending.NOT_MODIFIED, Ending.UNCHANGED})
"""Endings of which a row of equal ones is one streak."""


@dataclass(slots=True, kw_only=True)
class Streak:
    """The latest runs, as long as they were alike and had nothing to do; changed in place.

    Attributes:
        number: of its first run, counted from 1; of the next one while *count* is 0.
        first_at: when the first of them started, seconds since the epoch.
        fetch: the longest that one of them asked the source, in seconds.
        turn: the longest that one of them waited for a turn, in seconds.
    """

    number: int = 1
    count: int = 0
    trigger: Trigger | None = None
    ending: Ending | None = None
    first_at: float = 0.0
    fetch: float = 0.0
    turn: float = 0.0

    @property
    def next_number(self) -> int:
        """What the next run is called."""
        return self.number + self.count

    def closed(self, last_at: float | None) -> Run | None:
        """The streak as it is written down; None where nothing is in it.

        *last_at* is when the last of its runs started.
        """
        if not self.count or self.trigger is None or self.ending is None:
            return None
        return Run(
            number=self.number,
            count=self.count,
            trigger=self.trigger,
            ending=self.ending,
            at=self.first_at,
            last_at=self.first_at if last_at is None else last_at,
            seconds=self.turn + self.fetch,
            stages={"turn": self.turn, "fetch": self.fetch},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run, or several in a row that were alike and changed nothing.

    Attributes:
        number: counts the runs of the binding from 1; of several, the first.
        at: when it started, or the first of several; seconds since the epoch.
        last_at: when the last of several started.
        seconds: from start to record; of several, the longest.
        stages: seconds by name out of `STAGES`; what it did not come to is not in it.
        late: seconds from due to started.
        stage: at which it failed (`RefreshFailed.stage`); "" where it did not.
        changed: variables whose values differ from those before.
        fallbacks: variables whose paths found nothing.
        next_at: when it was to run next; None where only a trigger makes it run.
        due_reason: which rule said so, see `BindingState.due_reason`.
    """

    number: int
    trigger: Trigger
    ending: Ending
    at: float
    last_at: float
    count: int = 1
    seconds: float = 0.0
    stages: Mapping[str, float] = field(default_factory=lambda: _NO_TIMES)
    late: float = 0.0
    stage: str = ""
    reason: str = ""
    error: str = ""
    changed: tuple[str, ...] = ()
    fallbacks: tuple[Fallback, ...] = ()
    next_at: float | None = None
    due_reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether it did not come to its end."""
        return self.ending is Ending.FAILED


def ending_of(outcome: Outcome) -> Ending:
    """How a run ended that did not fail."""
    if outcome.image is not None:
        return Ending.PUBLISHED if outcome.image.changed else Ending.SAME_BYTES
    if isinstance(outcome.result, NotModified):
        return Ending.NOT_MODIFIED
    return Ending.WAITING if outcome.mapped is None else Ending.UNCHANGED


def kept(runs: list[Run]) -> list[Run]:
    """Those that are kept of *runs*, the oldest first: the latest, and the latest failures."""
    runs = sorted({run.number: run for run in runs}.values(), key=lambda run: run.number)
    latest = runs[-KEPT:]
    failures = [run for run in runs[:-KEPT] if run.failed]
    missing = KEPT_FAILURES - sum(run.failed for run in latest)
    return (failures[-missing:] if missing > 0 else []) + latest
