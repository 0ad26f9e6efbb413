"""Where in the history a client begins to listen."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from repaintd.web import sse
from repaintd.web.problem import invalid
from repaintd.web.query import flag, number

if TYPE_CHECKING:
    from aiohttp import web

    from repaintd.web.event_filter import EventFilter
    from repaintd.web.surface import Events

_MOST: Final = 1000
_BATCH: Final = 500  # events that are looked at before others have a turn
_SHOWN: Final = 200  # characters of what a client took for an id
_LAST_EVENT_ID: Final = "Last-Event-ID"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_UNKNOWN: Final = "there is no event with this id, or not any more: some may have been missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The cursor, and what comes first of all.

    Attributes:
        position: of the event that is the last one not to be told.
        at: id of that event; "" where there is none, or it is not kept any more.
        message: behind the greeting.
        end: position of the last event to be told; None to go on for ever.
        gapless: whether the client knows the event at *position*, so that none may be missing.
    """

    position: int
    at: str = ""
    message: bytes = b""
    end: int | None = None
    gapless: bool = True


async def start_of(request: web.Request, events: Events, wanted: EventFilter) -> Start:
    """Behind the event that the client got last; else with the `?last=` it wants; else now.

    The header wins over the URL: browsers repeat that as it was when they come back.

    Raises:
        Problem: a parameter is not what it has to be.
        StoreUnavailable: the history cannot be read just now.
    """
    query, latest = request.query, events.latest
    end = None if flag(query, "follow", default=True) else latest
    count = number(query, "last", 0, _MOST)
    if count is not None and "since" in query:
        raise invalid("last", "Cannot go with since, which says where to begin; leave out one")
    known = request.headers.get(_LAST_EVENT_ID) or query.get("since")
    if not known:
        position = await _before_last(count or 0, latest, events, wanted)
        at = await _id_at(position, events)
        return Start(position=position, at=at, end=end, gapless=not count)
    found = await events.position_of(known) if _ID.fullmatch(known) else None
    if found is not None:
        return Start(position=found, at=known, end=end)
    message = sse.reset(await _id_at(latest, events), _shown(known), _UNKNOWN)
    return Start(position=latest, message=message, end=end)


async def _before_last(count: int, latest: int, events: Events, wanted: EventFilter) -> int:
    """The position behind which *count* events are wanted; 0 where there are not so many."""
    if wanted.everything:
        return max(0, latest - count)
    position = latest
    while count and position:
        begin = max(0, position - _BATCH)
        batch = await events.read(begin, limit=position - begin)
        found = [e.position for e in batch if e.position <= position and wanted(e)]
        if len(found) >= count:
            return found[-count] - 1
        if not batch or batch[0].position > begin + 1:  # older ones are not kept
            return begin
        count, position = count - len(found), begin
        await asyncio.sleep(0)
    return position


async def _id_at(position: int, events: Events) -> str:
    """What a client can name that comes back before anything has happened."""
    found = await events.read(position - 1, limit=1) if position else ()
    return found[0].id if found and found[0].position == position else ""


def _shown(text: str) -> str:
    """A stranger's bytes as text that can be written."""
    return text[:_SHOWN].encode("utf-8", "replace").decode()
