"""Events as they lie in the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from repaintd.store.codec import json_bytes

if TYPE_CHECKING:
    from repaintd.core.event import Event

EventRow = tuple[str, str, str, int, float, bytes]
"""id, name, uid, sequence, at, body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One event, durable.

    Attributes:
        position: cursor over the events of all bindings; grows by one from event to event.
        at: seconds since the epoch, UTC.
        body: the bytes as first written; every receiver gets exactly these.
    """

    position: int
    id: str
    name: str
    uid: str
    sequence: int
    at: float
    body: bytes = field(repr=False)


def event_row(event: Event) -> EventRow:
    """The row of a new event; its body is serialised here, once and for all.

    Raises:
        TypeError: the data holds something that is no JSON value.
    """
    body = json_bytes(event.body())
    return (event.id, event.name, event.uid, event.sequence, event.at, body)
