"""What nobody waits for and what is due within a second: cursors and the delivery log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from repaintd.core.delivery import DeliveryRecord

MOST_LINES: Final = 10_000
"""Lines of the log that wait for the disk; the oldest go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ride:
    """What rides along with one transaction.

    Attributes:
        cursors: by sink, newer than the writes of the transaction.
        lines: of the delivery log, oldest first, by a number of their own.
    """

    cursors: Mapping[str, int]
    lines: Mapping[int, DeliveryRecord]

    def __bool__(self) -> bool:
        return bool(self.cursors or self.lines)


NOBODY: Final = Ride(cursors={}, lines={})


class Riders:
    """All that waits for the next transaction."""

    def __init__(self) -> None:
        self.cursors: dict[str, int] = {}
        self._lines: dict[int, DeliveryRecord] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self.cursors) + len(self._lines)

    def note(self, sink: str, cursor: int) -> None:
        """Have the cursor of *sink* written, unless a later one waits."""
        self.cursors[sink] = max(cursor, self.cursors.get(sink, 0))

    def add(self, line: DeliveryRecord) -> None:
        """Have a line written; where too many wait, the oldest is lost."""
        self._number += 1
        self._lines[self._number] = line
        if len(self._lines) > MOST_LINES:
            del self._lines[next(iter(self._lines))]

    def ride(self, without: AbstractSet[str] = frozenset()) -> Ride:
        """All that waits, but for some sinks; it goes on waiting until it is `done`."""
        if not len(self):
            return NOBODY
        return Ride(
            cursors={sink: at for sink, at in self.cursors.items() if sink not in without},
            lines={n: line for n, line in self._lines.items() if line.sink not in without},
        )

    def done(self, ride: Ride) -> None:
        """Let go of what was written, but not of what came meanwhile."""
        for sink, cursor in ride.cursors.items():
            if self.cursors.get(sink) == cursor:
                del self.cursors[sink]
        for number in ride.lines:
            self._lines.pop(number, None)

    def withdraw(self, sink: str, *, lines: bool) -> Ride:
        """Take out the cursor of *sink*, and its lines where they are asked for too."""
        cursor = self.cursors.pop(sink, None)
        taken = {n: line for n, line in self._lines.items() if lines and line.sink == sink}
        for number in taken:
            del self._lines[number]
        return Ride(cursors={} if cursor is None else {sink: cursor}, lines=taken)

    def put_back(self, ride: Ride) -> None:
        """Have what was taken out wait again, ahead of what came meanwhile."""
        for sink, cursor in ride.cursors.items():
            self.note(sink, cursor)
        if ride.lines:
            self._lines = {**ride.lines, **self._lines}
