"""One connection with deadlines: aiohttp's own protocol waits for ever."""

from __future__ import annotations

import math
import re
import socket
import struct
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from repaintd.web.problem import Problem, from_status

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from aiohttp import StreamReader
    from aiohttp.web import BaseRequest, StreamResponse

    from repaintd.web.guard import Guard
    from repaintd.web.limits import Limits

_SERVER_ERRORS: Final = 500
_TARGET: Final = re.compile(r"(?:[A-Z]+ )?/")
_SYSTEM_BUFFER: Final = 64 * 1024
_NO_LINGER: Final = struct.pack("ii", 1, 0)
_INTERNET: Final = frozenset({socket.AF_INET, socket.AF_INET6})
_RETRY: Final = {"Retry-After": "1"}

log = structlog.get_logger("repaintd.web")


class _Stage(IntEnum):
    HEAD = 0  # the headers of a request are on their way, or are awaited for the first time
    BUSY = 1  # a request is being answered; its body may still be on its way
    IDLE = 2  # between two requests


class Connection(web.RequestHandler):
    """aiohttp's connection, which also knows what it waits for and how long it may.

    Each change of stage sets one deadline from the guard's clock; the guard's sweep compares.

    Args:
        manager: aiohttp's server.
        guard: admits and sweeps.
        settings: for `aiohttp.web.RequestHandler`.

    Attributes:
        stalled: its client took nothing for as long as that may take, and is shown out for it.
    """

    __slots__ = (
        "_body",
        "_deadline",
        "_guard",
        "_head_bytes",
        "_on_lost",
        "_send_deadline",
        "_stage",
        "_unsent",
        "_wire",
        "stalled",
    )

    def __init__(self, manager: web.Server, *, guard: Guard, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self._guard = guard
        self._stage = _Stage.HEAD
        self._deadline = guard.now + guard.limits.head
        self._head_bytes = 0
        self._body: StreamReader | None = None
        self._wire: asyncio.Transport | None = None
        self._unsent = 0
        self._send_deadline = math.inf
        self._on_lost: Callable[[], None] | None = None
        self.stalled = False

    @property
    def idle(self) -> bool:
        """Whether no request is being answered, so that closing harms nobody's answer."""
        return self._stage is not _Stage.BUSY and self.transport is not None

    @property
    def limits(self) -> Limits:
        """What its client is allowed."""
        return self._guard.limits

    def begin_stream(self, on_lost: Callable[[], None]) -> None:
        """Prepare for an answer without end, of which little waits unsent at any time.

        `drain` waits from now on until nothing is unsent: who writes only then never holds more
        than one piece, and a client that takes nothing is told from one that is slow.

        Args:
            on_lost: called when the client has gone, however it went.
        """
        if self._wire is None:
            raise ConnectionResetError("the client has gone")
        self._on_lost = on_lost
        self._wire.set_write_buffer_limits(high=0)
        _bound(self._wire.get_extra_info("socket"), self.limits.send)

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""
        return 0 if self._wire is None else self._wire.get_write_buffer_size()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, or say that the house is full."""
        if self._guard.admit(self, transport):
            self._wire = transport  # type: ignore[assignment]  # of a stream, always a Transport
            super().connection_made(transport)
        else:
            self.force_close()
            full = Problem(503, "service-unavailable", "Too many connections.", headers=_RETRY)
            transport.write(full.raw())  # type: ignore[attr-defined]  # the same
            transport.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give the place back."""
        self._guard.leave(self)
        self._wire = None
        self.stalled = self.stalled or isinstance(exc, TimeoutError)
        super().connection_lost(exc)
        if self._on_lost is not None:
            self._on_lost()

    def data_received(self, data: bytes) -> None:
        """Start the head's clock with its first byte, and bound its size."""
        if self._stage is not _Stage.BUSY and data:
            self._count_head(len(data))
        super().data_received(data)

    def begin(self, body: StreamReader) -> None:
        """A request's headers are complete."""
        self._stage = _Stage.BUSY
        self._head_bytes = 0
        self._body = body
        guard = self._guard
        self._deadline = math.inf if body.is_eof() else guard.now + guard.limits.body

    def log_access(
        self, request: BaseRequest, response: StreamResponse, time: float | None
    ) -> None:
        """The answer is written: aiohttp's last word about a request, logged or not."""
        self._stage = _Stage.IDLE
        self._deadline = math.inf  # aiohttp's keep-alive timer takes over
        super().log_access(request, response, time)

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> StreamResponse:
        """The answer to what is not HTTP, or to an error that the application could not answer.

        Raises:
            ConnectionError: half an answer is on its way, or nobody is there to take one; aiohttp
                then drops the connection without a word.
        """
        if isinstance(exc, ConnectionError) and self.transport is None:
            raise exc
        problem = from_status(_too_long(exc) if isinstance(exc, LineTooLong) else status)
        if status >= _SERVER_ERRORS:
            log.error("request failed", request_id=problem.request_id, exc_info=exc)
        else:
            log.debug("request refused", remote=request.remote, reason=message)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun and cannot be finished")
        problem.close = True
        return problem.response("")

    def overdue(self, now: float) -> bool:
        """Whether a deadline has passed without what it was set for."""
        if now >= self._deadline:
            if self._stage is not _Stage.BUSY or self._body is None or not self._body.is_eof():
                return True
            self._deadline = math.inf
        return self._stuck(now)

    def dismiss(self) -> None:
        """Close, with a word to those who were in the middle of a request; cut when that fails."""
        if self._wire is None or self._wire.is_closing():
            self.abort()
            return
        if self._stage is _Stage.HEAD and self._head_bytes:
            self._wire.write(from_status(408).raw())
        self.force_close()

    def abort(self) -> None:
        """Cut the connection: the client is told at once, and the system holds nothing for it."""
        if self._wire is not None:
            _forget_unsent(self._wire.get_extra_info("socket"))
            self._wire.abort()

    def _count_head(self, size: int) -> None:
        if self._stage is _Stage.IDLE:
            if self._body is not None and not self._body.is_eof():
                return  # the rest of a body that nobody wanted
            self._stage = _Stage.HEAD
            self._deadline = self._guard.now + self._guard.limits.head
        if self._head_bytes > self._guard.limits.head_bytes and self._wire is not None:
            self._wire.write(from_status(431).raw())
            self.force_close()
        self._head_bytes += size

    def _stuck(self, now: float) -> bool:
        """Whether bytes wait to be sent and not one went out for as long as that may take."""
        unsent = self.unsent
        if unsent == 0 or unsent != self._unsent:
            self._unsent = unsent
            self._send_deadline = now + self._guard.limits.send
            return False
        self.stalled = now >= self._send_deadline
        return self.stalled


def _bound(sock: socket.socket, patience: float) -> None:
    """Let the system hold little as well, and give up when *patience* seconds bring no answer."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SYSTEM_BUFFER)
        if sock.family in _INTERNET and hasattr(socket, "TCP_USER_TIMEOUT"):
            milliseconds = math.ceil(patience * 1000)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    except OSError as exc:  # the client has gone this instant, or the system knows no such bound
        log.debug("buffer not bounded", reason=str(exc))


def _forget_unsent(sock: socket.socket) -> None:
    """Have the system answer with a reset, instead of going on to offer what nobody takes."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    except OSError as exc:  # the client has gone this instant
        log.debug("unsent bytes not forgotten", reason=str(exc))


def _too_long(exc: LineTooLong) -> int:
    """414 where what is too long looks like the target of the request, else 431."""
    start = exc.args[0]  # bytes of the C parser, a whole line of the Python parser
    text = start if isinstance(start, str) else bytes(start).decode("latin-1")
    return 414 if _TARGET.match(text) else 431
