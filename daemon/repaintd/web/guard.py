"""Lets connections in, and shows those out that dawdle."""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    import asyncio

    from repaintd.web.connection import Connection
    from repaintd.web.limits import Limits

_IPV6_NETWORK: Final = 64

log = structlog.get_logger("repaintd.web")


class Guard:
    """Counts connections and looks at all of them once per sweep, which costs a request nothing.

    Attributes:
        limits: what is allowed.
        now: the event loop's time at the latest sweep: exact enough for deadlines.
    """

    def __init__(self, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self.limits = limits
        self.now = loop.time()
        self._loop = loop
        self._open: dict[Connection, str] = {}  # in order of arrival, with the address it counts to
        self._per_address: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def start(self) -> None:
        """Sweep from now on until `stop`."""
        self._timer = self._loop.call_later(self.limits.sweep, self._sweep)

    def stop(self) -> None:
        """Sweep no more."""
        if self._timer is not None:
            self._timer.cancel()

    def admit(self, connection: Connection, transport: asyncio.BaseTransport) -> bool:
        """Whether the connection may stay; when all places are taken, an idle one has to leave."""
        address = counted_address(transport.get_extra_info("peername"))
        if address and self._per_address[address] >= self.limits.per_address:
            return False
        if len(self._open) >= self.limits.connections and not self._make_room():
            return False
        self._open[connection] = address
        if address:
            self._per_address[address] += 1
        return True

    def leave(self, connection: Connection) -> None:
        """The connection is gone."""
        address = self._open.pop(connection, "")
        if address:
            self._per_address[address] -= 1
            if not self._per_address[address]:
                del self._per_address[address]

    def abort(self) -> None:
        """Cut all connections that are left."""
        for connection in tuple(self._open):
            connection.abort()

    def _make_room(self) -> bool:
        idle = next((each for each in self._open if each.idle), None)
        if idle is None:
            return False
        idle.dismiss()
        return True

    def _sweep(self) -> None:
        self.start()
        self.now = now = self._loop.time()
        for connection in tuple(self._open):
            try:
                if connection.overdue(now):
                    connection.dismiss()
            except Exception:
                log.exception("connection could not be inspected and is cut")
                connection.abort()


def counted_address(peer: Any) -> str:
    """What a peer counts as: its IPv4 address or IPv6 /64; "" for loopback and Unix sockets."""
    if not isinstance(peer, tuple):
        return ""
    address = ipaddress.ip_address(peer[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address, _IPV6_NETWORK), strict=False))
