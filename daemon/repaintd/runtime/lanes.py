"""What one sink still has to deliver, in strict order per binding. Pure: time is an argument.

A lane holds the events of one binding, oldest first; its head is attempted, the rest waits. Some
are *fresh*: read from the history, and in memory only. Others are *parked*: an attempt failed, or
one before them did, and an outbox entry remembers them; of these only the position is kept here.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

from repaintd.core.timetable import Timetable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from repaintd.core.event import StoredEvent

_position = attrgetter("position")


@dataclass(slots=True)
class Parked:
    """An event with an outbox entry.

    Attributes:
        attempts: made so far.
        due: when it may be tried again, in monotonic seconds; None for at once.
    """

    position: int
    attempts: int = 0
    due: float | None = None


@dataclass(slots=True, eq=False)
class Lane:
    """The events of one binding.

    Attributes:
        parking: its fresh events are being given outbox entries: later ones need them too.
        busy: an attempt is under way.
        queued: stands in the queue of those that may be attempted.
    """

    uid: str
    fresh: deque[StoredEvent] = field(default_factory=deque)
    parked: list[Parked] = field(default_factory=list)
    parking: bool = False
    busy: bool = False
    queued: bool = False

    @property
    def head(self) -> StoredEvent | Parked | None:
        """What comes next."""
        if not self.parked:
            return self.fresh[0] if self.fresh else None
        if self.fresh and self.fresh[0].position < self.parked[0].position:
            return self.fresh[0]
        return self.parked[0]


class Lanes:
    """The lanes of one sink, and which of them may be attempted when."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}
        self._ready: deque[Lane] = deque()
        self._timetable = Timetable()
        self._fresh: dict[int, None] = {}
        self._parked: set[int] = set()
        self._unreached: set[str] = set()
        self._reached = 0

    @property
    def fresh(self) -> int:
        """How many events are in memory only."""
        return len(self._fresh)

    @property
    def parked(self) -> int:
        """How many events have an outbox entry."""
        return len(self._parked)

    @property
    def first_fresh(self) -> int | None:
        """Position of the oldest event that is in memory only."""
        return next(iter(self._fresh), None)

    @property
    def unreached(self) -> bool:
        """Whether some are not attempted before more is read."""
        return bool(self._unreached)

    def is_fresh(self, position: int) -> bool:
        """Whether that event is here, in memory only."""
        return position in self._fresh

    def is_parked(self, position: int) -> bool:
        """Whether that event is here, with an outbox entry."""
        return position in self._parked

    def parked_between(self, after: int, before: int) -> int:
        """How many events with an outbox entry lie between these positions."""
        return sum(after < position < before for position in self._parked)

    def blocked(self, uid: str) -> bool:
        """Whether events of that binding wait behind one that failed."""
        lane = self._lanes.get(uid)
        return lane is not None and (lane.parking or bool(lane.parked))

    def add(self, event: StoredEvent) -> None:
        """Put a fresh event at the end of its lane; positions only grow."""
        lane = self._lane(event.uid)
        lane.fresh.append(event)
        self._fresh[event.position] = None
        self._arrange(lane)

    def reached(self, position: int) -> None:
        """All events up to this position are here that have to be.

        What a life before this one has parked beyond it is not attempted: events of its binding
        that come first may still have to be read again.
        """
        self._reached = position
        unreached, self._unreached = self._unreached, set()
        for uid in unreached:
            if uid in self._lanes:
                self._arrange(self._lanes[uid])

    def expect(self, position: int) -> None:
        """Count an event as fresh that `park` will take."""
        self._fresh[position] = None

    def park(self, uid: str, items: Iterable[Parked]) -> None:
        """Put events that have an outbox entry in their places; fresh ones become parked ones."""
        lane = self._lane(uid)
        for item in items:
            if item.position not in self._parked:
                insort(lane.parked, item, key=_position)
                self._parked.add(item.position)
            self._fresh.pop(item.position, None)
        while lane.fresh and lane.fresh[0].position in self._parked:
            lane.fresh.popleft()
        self._arrange(lane)

    def put_off(self, lane: Lane, item: Parked) -> None:
        """Let an event wait whose attempt failed, whether it was fresh or parked."""
        if item.position in self._parked:
            index = bisect_left(lane.parked, item.position, key=_position)
            lane.parked[index] = item
        else:
            self.park(lane.uid, [item])

    def hasten(self, uid: str, position: int) -> None:
        """Make a parked event due at once, as soon as it is the head."""
        lane = self._lanes[uid]
        lane.parked[bisect_left(lane.parked, position, key=_position)].due = None
        self._arrange(lane)

    def hasten_all(self) -> None:
        """Make every head due at once."""
        for lane in self._lanes.values():
            if lane.parked:
                lane.parked[0].due = None
                self._arrange(lane)

    def done(self, lane: Lane, item: StoredEvent | Parked) -> None:
        """Take an event away that is delivered, or given up."""
        if isinstance(item, Parked):
            lane.parked.remove(item)
            self._parked.discard(item.position)
        else:
            lane.fresh.popleft()
            del self._fresh[item.position]

    def next_at(self) -> float | None:
        """When the next lane may be attempted that may not yet; None when there is none."""
        return self._timetable.next_at()

    def take(self, now: float) -> Lane | None:
        """The lane whose turn it is; it is busy until it is given back."""
        while (due := self._timetable.pop_due(now)) is not None:
            self._enqueue(self._lanes[due[0]])
        if not self._ready:
            return None
        lane = self._ready.popleft()
        lane.queued = False
        lane.busy = True
        return lane

    def give_back(self, lane: Lane) -> None:
        """End what `take` began."""
        lane.busy = False
        self._arrange(lane)

    def _lane(self, uid: str) -> Lane:
        lane = self._lanes.get(uid)
        if lane is None:
            lane = self._lanes[uid] = Lane(uid)
        return lane

    def _arrange(self, lane: Lane) -> None:
        """See to it that the lane is where its head belongs."""
        if lane.busy or lane.queued:
            return
        head = lane.head
        if head is None:
            self._timetable.remove(lane.uid)
            del self._lanes[lane.uid]
        elif isinstance(head, Parked) and head.position > self._reached:
            self._timetable.remove(lane.uid)
            self._unreached.add(lane.uid)
        elif isinstance(head, Parked) and head.due is not None:
            self._timetable.set(lane.uid, head.due)
        else:
            self._timetable.remove(lane.uid)
            self._enqueue(lane)

    def _enqueue(self, lane: Lane) -> None:
        lane.queued = True
        self._ready.append(lane)
