"""Events as they lie in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repaintd.core.event import StoredEvent
from repaintd.store.codec import json_bytes

if TYPE_CHECKING:
    from repaintd.core.event import Event

__all__ = ["EventRow", "StoredEvent", "event_row"]

EventRow = tuple[str, str, str, int, float, bytes]
"""id, name, uid, sequence, at, body."""


def event_row(event: Event) -> EventRow:
    """The row of a new event; its body is serialised here, once and for all.

    Raises:
        TypeError: the data holds something that is no JSON value.
    """
    body = json_bytes(event.body())
    return (event.id, event.name, event.uid, event.sequence, event.at, body)
