"""What callers ask the writer for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from repaintd.core.event import Event
from repaintd.core.fingerprint import digest
from repaintd.errors import DocumentRefused
from repaintd.store.riders import NOBODY, Ride

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from repaintd.core.delivery import SinkRecord
    from repaintd.core.intake import Intake
    from repaintd.core.state import BindingState
    from repaintd.store.delivery import EntryRow
    from repaintd.store.event import EventRow
    from repaintd.store.riders import Riders

MERGES_PER_BATCH: Final = 128
"""Data to merge into documents that one transaction takes, for the documents may be large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """An event of the daemon itself that gets its number when it is written."""

    name: str
    data: Mapping[str, Any] = field(repr=False)

    def event(self, sequence: int, instance: str, at: float) -> Event:
        """The event as number *sequence* of the database named *instance*."""
        id_ = f"evt_{digest(self.name, '', instance, str(sequence))[:24]}"
        data = {**self.data, "eventId": id_}
        return Event(id=id_, name=self.name, uid="", sequence=sequence, at=at, data=data)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxChange:
    """What becomes of sinks and of what they owe; applied from top to bottom.

    Attributes:
        gone: name of a sink of which everything is dropped.
        record: a sink as it is to be remembered.
        keep: entries to write.
        drop: entries to remove, by sink and position.
    """

    gone: str = ""
    record: SinkRecord | None = None
    keep: Sequence[EntryRow] = ()
    drop: Sequence[tuple[str, int]] = ()

    @property
    def sinks(self) -> set[str]:
        """The sinks that it says something new about."""
        told = {self.record.name} if self.record else {self.gone}
        return told | {row[0] for row in self.keep}

    def obsolete(self, riders: Riders) -> Ride:
        """Take out what waits without hurry and is not to be written any more."""
        if self.record is not None:
            return riders.withdraw(self.record.name, lines=False)
        return riders.withdraw(self.gone, lines=True) if self.gone else NOBODY


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Write:
    """One thing that somebody waits for.

    Attributes:
        done: has the answer once it is durable, or has failed.
        uid: the binding whose state is written; "" for none.
        blob: its state; None to drop it with all that triggers brought.
        note: the state that waited without hurry and that this write makes obsolete.
        names: how the ids of the trigger are remembered.
        ride: cursor and lines that waited without hurry and that this write makes obsolete.
    """

    done: asyncio.Future[Any] = field(default_factory=_future)
    uid: str = ""
    blob: bytes | None = field(default=None, repr=False)
    note: BindingState | None = None
    events: Sequence[EventRow] = ()
    probe: bool = False
    intake: Intake | None = None
    names: Sequence[tuple[str, str]] = ()
    announcement: Announcement | None = None
    change: OutboxChange | None = None
    ride: Ride = NOBODY

    def answer(self, answer: object) -> None:
        """Let the caller go on with what came of it, if it still waits."""
        if self.done.done():
            return
        if isinstance(answer, DocumentRefused):
            self.done.set_exception(answer)
        else:
            self.done.set_result(answer)

    @property
    def forgets(self) -> bool:
        """Whether it drops all that is kept of its binding."""
        return bool(self.uid) and self.blob is None

    @property
    def pushed(self) -> int:
        """Bytes of the data that came with the trigger."""
        push = self.intake.push if self.intake else None
        return len(push.payload) if push else 0

    @property
    def merges(self) -> bool:
        """Whether the document so far must be read for it."""
        push = self.intake.push if self.intake else None
        return push is not None and push.merge != "replace"


def how_many(writes: Sequence[Write]) -> int:
    """Writes of the queue that one transaction takes, from the first on.

    A binding is forgotten before its triggers of the same transaction, never after them.
    """
    merges, triggered = 0, set()
    for number, write in enumerate(writes):
        merges += write.merges
        if merges > MERGES_PER_BATCH or (write.forgets and write.uid in triggered):
            return number
        if write.intake is not None:
            triggered.add(write.intake.uid)
    return len(writes)
