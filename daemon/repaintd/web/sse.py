"""Server-sent events as bytes (HTML standard, section 9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from repaintd.core.event import StoredEvent

MEDIA_TYPE: Final = "text/event-stream"
_GREETING: Final = b"retry: 2000\n\n"
"""Milliseconds until a client comes back that lost its connection."""
HEARTBEAT: Final = b":\n\n"
RESET: Final = "reset"


def frame(event_id: str, name: str, body: bytes) -> bytes:
    """One message; a client that comes back names the last *event_id* that it got, if any."""
    if b"\n" in body or b"\r" in body:
        body = b"\ndata: ".join(body.splitlines())
    lead = b"id: %b\n" % event_id.encode() if event_id else b""
    return b"%bevent: %b\ndata: %b\n\n" % (lead, name.encode(), body)


def greeting(at: str) -> bytes:
    """What begins a stream; a client that loses it at once comes back to the event *at*, if any."""
    return b"id: %b\n%b" % (at.encode(), _GREETING) if at else _GREETING


def reset(at: str, last_event_id: str, reason: str) -> bytes:
    """The message that events may be missing here.

    Args:
        at: id of the event behind which none is missing; "" where it is not known.
        last_event_id: of the event behind which they may be missing, as the client named it.
        reason: for people.
    """
    body = orjson.dumps({"lastEventId": last_event_id, "reason": reason})
    return frame(at, RESET, body)


def pieces(
    events: Iterable[StoredEvent], wanted: Callable[[StoredEvent], bool], size: int
) -> Iterator[bytes]:
    """The messages of those that are wanted, several at once, *size* bytes and one message each."""
    held, length = [], 0
    for event in events:
        if not wanted(event):
            continue
        held.append(frame(event.id, event.name, event.body))
        length += len(held[-1])
        if length >= size:
            yield b"".join(held)
            held, length = [], 0
    if held:
        yield b"".join(held)
