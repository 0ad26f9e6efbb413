"""Opens the door to the network, and closes it in good order."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from repaintd.errors import StartupFailed
from repaintd.web.access_log import DebugAccessLogger
from repaintd.web.connection import Connection
from repaintd.web.guard import Guard
from repaintd.web.images import IMAGES
from repaintd.web.lane import with_short_way
from repaintd.web.limits import Limits
from repaintd.web.webhooks import WEBHOOKS

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable

BACKLOG: Final = 1024
_LINGER: Final = 2.0  # seconds to swallow a body that nobody wanted before closing
_ADVICE: Final = {
    errno.EADDRINUSE: "another program listens there: stop it, or change server.listen",
    errno.EACCES: "that port is for the privileged: change server.listen to a port above 1023",
    errno.EADDRNOTAVAIL: "this machine has no such address: change server.listen",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """An open listener; *port* is the real one, also where 0 was asked for."""

    host: str
    port: int
    guard: Guard

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self.guard)


@asynccontextmanager
async def open_listener(
    app: web.Application,
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    sock: socket.socket | None = None,
    limits: Limits | None = None,
    grace: float = 5.0,
    access_log: bool = False,
) -> AsyncIterator[Listener]:
    """Serve *app* until the context is left.

    On leaving, nothing more is accepted, requests in progress get *grace* seconds to end by
    themselves and as many again to end after they were told to; then all is cut.

    Args:
        app: what is served.
        host: name or address to listen at.
        port: 0 for any that is free.
        sock: a listening socket that is used instead (systemd's, a test's).
        limits: on what strangers may cost us.
        grace: seconds.
        access_log: log every request at level debug.

    Raises:
        StartupFailed: it cannot listen there; says what to do.
    """
    loop = asyncio.get_running_loop()
    guard = Guard(_affordable(limits or Limits()), loop)
    runner = web.AppRunner(app, shutdown_timeout=grace)
    await runner.setup()
    try:
        connect = _connections(runner, guard, loop, access_log=access_log)
        server = await _listen(connect, host, port, sock)
        guard.start()
        try:
            name = server.sockets[0].getsockname()
            bound = name[:2] if isinstance(name, tuple) else (name, 0)
            yield Listener(host=bound[0], port=bound[1], guard=guard)
        finally:
            guard.stop()
            server.close()
    finally:
        await runner.cleanup()
        guard.abort()


def _affordable(limits: Limits) -> Limits:
    """Connections take at most half of the file descriptors, or an `accept` fails for everybody."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return limits
    return replace(limits, connections=min(limits.connections, soft // 2))


def _connections(
    runner: web.AppRunner, guard: Guard, loop: asyncio.AbstractEventLoop, *, access_log: bool
) -> Callable[[], Connection]:
    """The maker of connections for aiohttp's server."""
    server = runner.server
    if server is None:
        raise RuntimeError("the runner has to be set up first")
    make_request = server.request_factory

    def begin_request(
        message: Any, body: Any, connection: Any, writer: Any, task: Any
    ) -> web.BaseRequest:
        connection.begin(body)
        return make_request(message, body, connection, writer, task)

    server.request_factory = begin_request
    app = runner.app
    if IMAGES in app:
        server.request_handler = with_short_way(app[IMAGES], app[WEBHOOKS], server.request_handler)
    limits = guard.limits
    settings: dict[str, Any] = {
        "loop": loop,
        "keepalive_timeout": limits.keep_alive,
        "max_line_size": limits.line_bytes,
        "max_field_size": limits.line_bytes,
        "max_headers": limits.headers,
        "lingering_time": _LINGER,
        "auto_decompress": False,  # signatures are over the bytes as they were sent
        "access_log": logging.getLogger("repaintd.web.access") if access_log else None,
        "access_log_class": DebugAccessLogger,
    }
    return lambda: Connection(server, guard=guard, **settings)


async def _listen(
    connect: Callable[[], Connection], host: str, port: int, sock: socket.socket | None
) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    try:
        if sock is not None:
            return await loop.create_server(connect, sock=sock, backlog=BACKLOG)
        return await loop.create_server(connect, host or None, port, backlog=BACKLOG)
    except (OSError, OverflowError) as exc:
        number = exc.errno if isinstance(exc, OSError) else None
        advice = _ADVICE.get(number or 0, f"{exc}: change server.listen")
        raise StartupFailed(f"cannot listen on {host}:{port}: {advice}") from exc
