"""What callers ask the writer for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from repaintd.core.event import Event
from repaintd.core.fingerprint import digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from repaintd.core.delivery import SinkRecord
    from repaintd.core.intake import Intake
    from repaintd.core.state import BindingState
    from repaintd.store.delivery import EntryRow
    from repaintd.store.event import EventRow


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
    def sink(self) -> str:
        """The sink whose cursor it decides; "" for none."""
        return self.record.name if self.record else self.gone


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
        cursor: of a sink, that waited without hurry and that this write makes obsolete.
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
    cursor: int | None = None

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
