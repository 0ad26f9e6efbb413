"""Where the daemon itself listens, so that nothing it sends comes back in at its own door."""

from __future__ import annotations

import functools
import socket
from typing import TYPE_CHECKING, Final

from repaintd.core.egress import address_of
from repaintd.errors import HttpFailed
from repaintd.net.target import parse_target

if TYPE_CHECKING:
    from repaintd.core.egress import Address


_HOSTS_REMEMBERED: Final = 4096


class OwnListener:
    """Knows the daemon's own listener: `own` of `open_door`.

    Args:
        public_url: `server.publicUrl`; its host and port are ours whoever stands before us. A
            proxy that shares them with another program makes that one out of reach, too.
    """

    def __init__(self, public_url: str = "") -> None:
        self._public = _host_and_port(public_url)
        self._bound: set[tuple[Address, int]] = set()
        self._ports: set[int] = set()
        # Every exchange asks, and there are far fewer hosts than exchanges.
        self._read = functools.lru_cache(_HOSTS_REMEMBERED)(_read)

    def listens(self, host: str, port: int) -> None:
        """Take note of where the listener is bound, as its socket tells (`getsockname`)."""
        address = address_of(host)
        if address is not None:
            self._bound.add((address, port))
            self._ports.add(port)

    def __call__(self, host: str, port: int) -> bool:
        """Whether a connection to *host*, a name or an IP address, would end at the listener.

        Of names, the public one is known; what others resolve to has to be asked for, too.
        """
        address, name = self._read(host)
        if self._public is not None and (address or name, port) == self._public:
            return True
        return port in self._ports and address is not None and self._leads_here(host, address, port)

    def _leads_here(self, host: str, address: Address, port: int) -> bool:
        # The kernel takes 0.0.0.0 and :: for loopback; and with another address bound, who is on
        # loopback under our port is more likely a part of us than a receiver.
        if address.is_loopback or address.is_unspecified or (address, port) in self._bound:
            return True
        anywhere = any(
            bound.is_unspecified for bound, bound_port in self._bound if bound_port == port
        )
        return anywhere and is_of_this_machine(host if "%" in host else str(address))


def is_of_this_machine(address: str) -> bool:
    """Whether the machine has that IP address now: only then does a socket bind to it.

    Asked anew every time, as addresses come and go; it takes some 10 µs. Where the kernel lets
    sockets bind to every address (`net.ipv4.ip_nonlocal_bind`), every address counts.
    """
    try:
        info = socket.getaddrinfo(address, 0, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
        family, kind, protocol, _, where = info[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(where)
    except OSError:
        return False
    return True


def _host_and_port(url: str) -> tuple[Address | str, int] | None:
    """None for a URL that nobody could ask for."""
    try:
        target = parse_target(url)
    except HttpFailed:
        return None
    return address_of(target.host) or _canonical(target.host), target.port


def _read(host: str) -> tuple[Address | None, str]:
    """*host* as an address, if it is one, and as a name."""
    return address_of(host), _canonical(host)


def _canonical(host: str) -> str:
    return host.lower().removesuffix(".")
