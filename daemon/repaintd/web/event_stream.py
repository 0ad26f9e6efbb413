"""One client that listens to events: a place in the history that moves on as the client reads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import hdrs, web

from repaintd.errors import StoreUnavailable
from repaintd.web import sse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from repaintd.core.event import StoredEvent
    from repaintd.web.connection import Connection
    from repaintd.web.event_filter import EventFilter
    from repaintd.web.event_start import Start
    from repaintd.web.surface import Events

_BATCH: Final = 50  # events that a client holds on to while it does not read
_PIECE: Final = 32 * 1024
_AGAIN: Final = 1.0  # seconds until a history that cannot be read is asked again
_MISSED: Final = "events were dropped from the history before they could be sent"
_HEADERS: Final = {
    hdrs.CONTENT_TYPE: sse.MEDIA_TYPE,
    hdrs.CACHE_CONTROL: "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}

log = structlog.get_logger("repaintd.web")


class EventStream:
    """Reads a batch, sends it, and reads the next one when the client has taken it all.

    Args:
        events: the history that all clients share; nothing is queued for one of them.
        wanted: by the client.
        connection: the client's.
    """

    def __init__(self, events: Events, wanted: EventFilter, connection: Connection) -> None:
        self._events = events
        self._wanted = wanted
        self._connection = connection
        self._heartbeat = connection.limits.heartbeat
        self._until = asyncio.timeout(None)
        self._running = False
        self._ended = False

    def end(self) -> None:
        """Say no more: the client has gone, or the daemon goes."""
        if self._ended:
            return
        self._ended = True
        if self._running:
            self._until.reschedule(asyncio.get_running_loop().time())

    async def run(self, request: web.Request, start: Start) -> web.StreamResponse:
        """Tell the client everything from *start* on, until it leaves or is left.

        Raises:
            ConnectionError: it had gone before anything was said.
        """
        response = web.StreamResponse(headers=_HEADERS)
        response.force_close()
        self._connection.begin_stream(self.end)
        await response.prepare(request)
        try:
            async with self._until:
                self._running = not self._ended
                if self._running:
                    await self._tell(_Pen(request, response, self._heartbeat), start)
        except ConnectionError:
            pass  # the client has gone; there is nobody to tell
        except TimeoutError:
            if not self._ended:
                raise
        finally:
            self._running = False
        if self._connection.unsent:
            self._connection.abort()
        return response

    async def _tell(self, pen: _Pen, start: Start) -> None:
        await pen.write(sse.greeting(start.at) + start.message)
        position, last, gapless = start.position, "", start.gapless
        while start.end is None or position < start.end:
            latest = self._events.latest
            batch = await self._read(position, pen)
            first = batch[0].position if batch else latest + 1
            if gapless and first > position + 1:
                await pen.write(sse.reset("", last, _MISSED))
            gapless = True
            if batch:
                position, last = batch[-1].position, batch[-1].id
                for piece in sse.pieces(batch, self._wanted, _PIECE):
                    await pen.write(piece)
            elif latest > position:  # all that there was is gone from the history
                position = latest
            else:
                await self._pause(position, pen)
            await pen.show_life()

    async def _read(self, position: int, pen: _Pen) -> Sequence[StoredEvent]:
        """The next events; a client waits through a time in which nothing can be read."""
        while True:
            try:
                return await self._events.read(position, limit=_BATCH)
            except StoreUnavailable as exc:
                log.debug("events cannot be read", reason=str(exc))
            await asyncio.sleep(_AGAIN)
            await pen.show_life()

    async def _pause(self, position: int, pen: _Pen) -> None:
        """Until something happens, or a sign of life is due."""
        try:
            async with asyncio.timeout_at(pen.due):
                await self._events.wait(position)
        except TimeoutError:
            return


class _Pen:
    """Writes, and waits until all of it is sent.

    Attributes:
        due: event loop's time at which the client needs a sign of life.
    """

    def __init__(
        self, request: web.Request, response: web.StreamResponse, heartbeat: float
    ) -> None:
        self._request = request
        self._response = response
        self._heartbeat = heartbeat
        self._loop = asyncio.get_running_loop()
        self.due = 0.0

    async def write(self, piece: bytes) -> None:
        """Send it.

        Raises:
            ConnectionError: the client has gone.
        """
        self.due = self._loop.time() + self._heartbeat
        await self._response.write(piece)
        await self._request.writer.drain()

    async def show_life(self) -> None:
        """Send a sign of life if it is time, and let others have a turn.

        Raises:
            ConnectionError: the client has gone.
        """
        if self._loop.time() >= self.due:
            await self.write(sse.HEARTBEAT)
        await asyncio.sleep(0)  # a long history of which nothing is wanted is read in turns
