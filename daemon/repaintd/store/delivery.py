"""Sinks, what they owe, and the delivery log, as they lie in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from repaintd.core.delivery import DeliveryRecord, OutboxEntry, SinkRecord
from repaintd.core.event import StoredEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

EntryRow = tuple[
    str, int, str, str, str, int, float, bytes, int, float | None, bool, str
]  # fmt: skip
"""sink, position, id, name, uid, sequence, at, body, attempts, due_at, dead, error."""

SINK_COLUMNS: Final = "name, cursor, status, reason, exhausted, fingerprint"
ENTRY_COLUMNS: Final = (
    "sink, position, id, name, uid, sequence, at, body, attempts, due_at, dead, error"
)
LINE_COLUMNS: Final = (
    "id, sink, event_id, event, uid, event_position, attempt, at, status, seconds, error, "
    "next_at, dead"
)


def sink_row(record: SinkRecord) -> tuple[Any, ...]:
    """The row of a sink."""
    return (
        record.name,
        record.cursor,
        record.status,
        _storable(record.reason),
        record.exhausted,
        record.fingerprint,
    )


def sink_record(row: Sequence[Any]) -> SinkRecord:
    """The sink of a row of `SINK_COLUMNS`."""
    name, cursor, status, reason, exhausted, fingerprint = row
    return SinkRecord(
        name=name,
        cursor=cursor,
        status="failed" if status == "failed" else "active",
        reason=reason,
        exhausted=exhausted,
        fingerprint=fingerprint,
    )


def entry_row(entry: OutboxEntry) -> EntryRow:
    """The row of an entry, with a copy of its event."""
    event = entry.event
    return (
        entry.sink, event.position, event.id, event.name, event.uid, event.sequence, event.at,
        event.body, entry.attempts, entry.due_at, entry.dead, _storable(entry.error),
    )  # fmt: skip


def outbox_entry(row: Sequence[Any]) -> OutboxEntry:
    """The entry of a row of `ENTRY_COLUMNS`."""
    sink, position, id_, name, uid, sequence, at, body, attempts, due_at, dead, error = row
    event = StoredEvent(
        position=position, id=id_, name=name, uid=uid, sequence=sequence, at=at, body=body
    )
    return OutboxEntry(
        sink=sink, event=event, attempts=attempts, due_at=due_at, dead=bool(dead), error=error
    )


def line_row(record: DeliveryRecord) -> tuple[Any, ...]:
    """The row of a line of the delivery log."""
    return (
        record.id, record.sink, record.event_id, record.event, record.uid, record.position,
        record.attempt, record.at, record.status, record.seconds, _storable(record.error),
        record.next_at, record.dead,
    )  # fmt: skip


def delivery_record(row: Sequence[Any]) -> DeliveryRecord:
    """The line of a row of `LINE_COLUMNS`."""
    (
        id_,
        sink,
        event_id,
        event,
        uid,
        position,
        attempt,
        at,
        status,
        seconds,
        error,
        next_at,
        dead,
    ) = row
    return DeliveryRecord(
        id=id_,
        sink=sink,
        event_id=event_id,
        event=event,
        uid=uid,
        position=position,
        attempt=attempt,
        at=at,
        status=status,
        seconds=seconds,
        error=error,
        next_at=next_at,
        dead=bool(dead),
    )


def _storable(text: str) -> str:
    # What receivers say may hold lone surrogates, which no database takes.
    return text.encode("utf-8", "replace").decode()
