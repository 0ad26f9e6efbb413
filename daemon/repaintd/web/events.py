"""`GET /events`: what happens, as it happens, to everybody with a key who listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import structlog

from repaintd.web.event_filter import EventFilter
from repaintd.web.event_start import start_of
from repaintd.web.event_stream import EventStream
from repaintd.web.keys import require_key
from repaintd.web.problem import later

if TYPE_CHECKING:
    from aiohttp import web

    from repaintd.web.connection import Connection
    from repaintd.web.surface import Surface

_BUSY_SECONDS: Final = 5

log = structlog.get_logger("repaintd.web")


class EventStreams:
    """All who listen, a bounded number of them."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._open: set[EventStream] = set()
        self._closing = False

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Tell the client events until it leaves.

        Raises:
            Problem: it has no key, asks for what there is not, or has to come back later.
        """
        require_key(request)
        events = self._surface.events
        connection = cast("Connection", request.protocol)  # the listener makes no other
        if events is None or self._closing:
            raise later("Events are not told just now.")
        wanted = EventFilter.of(request.query)
        stream = EventStream(events, wanted, connection)
        if len(self._open) >= connection.limits.streams:
            raise later("Too many clients listen to events.", _BUSY_SECONDS)
        self._open.add(stream)
        metrics = self._surface.metrics
        metrics.stream_opened()
        try:
            return await stream.run(request, await start_of(request, events, wanted))
        finally:
            self._open.discard(stream)
            metrics.stream_closed(dropped=connection.stalled)
            if connection.stalled:
                log.debug("event stream dropped: it was not read", remote=request.remote)

    async def close(self, _app: web.Application) -> None:
        """End all streams, and begin none: the daemon goes."""
        self._closing = True
        for stream in tuple(self._open):
            stream.end()
