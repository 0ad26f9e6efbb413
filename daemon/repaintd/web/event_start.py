"""Where in the history a client begins to listen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from repaintd.web import sse
from repaintd.web.query import flag, number

if TYPE_CHECKING:
    from aiohttp import web

    from repaintd.web.surface import Events

_MOST: Final = 1000
_SHOWN: Final = 200  # characters of what a client took for an id
_LAST_EVENT_ID: Final = "Last-Event-ID"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_UNKNOWN: Final = "there is no event with this id, or not any more: some may have been missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The first message, and the cursor.

    Attributes:
        position: of the event that is the last one not to be told.
        message: what comes first of all.
        end: position of the last event to be told; None to go on for ever.
        gapless: whether the client knows the event at *position*, so that none may be missing.
    """

    position: int
    message: bytes = b""
    end: int | None = None
    gapless: bool = True


async def start_of(request: web.Request, events: Events) -> Start:
    """Behind the event that the client got last; else `?last=` events ago; else now.

    The header wins over `?since=`: browsers repeat the URL as it was when they come back.

    Raises:
        Problem: a parameter is not what it has to be.
        StoreUnavailable: the history cannot be read just now.
    """
    query, latest = request.query, events.latest
    end = None if flag(query, "follow", default=True) else latest
    count = number(query, "last", 0, _MOST) or 0
    known = request.headers.get(_LAST_EVENT_ID) or query.get("since")
    if not known:
        return Start(position=max(0, latest - count), end=end, gapless=not count)
    position = await events.position_of(known) if _ID.fullmatch(known) else None
    if position is not None:
        return Start(position=position, end=end)
    message = sse.reset(await _id_at(latest, events), _shown(known), _UNKNOWN)
    return Start(position=latest, message=message, end=end)


async def _id_at(position: int, events: Events) -> str:
    """What a client can name that comes back before anything has happened."""
    found = await events.read(position - 1, limit=1) if position else ()
    return found[0].id if found and found[0].position == position else ""


def _shown(text: str) -> str:
    """A stranger's bytes as text that can be written."""
    return text[:_SHOWN].encode("utf-8", "replace").decode()
