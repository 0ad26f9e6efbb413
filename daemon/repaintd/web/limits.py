"""What a stranger may cost us."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of the listener: aiohttp has deadlines for none of these. Times in seconds.

    A deadline is met with the precision of the sweep that looks for it: a quarter of the shortest
    deadline, a second at most.

    Attributes:
        head: from connecting, or from the first byte of a later request, to the end of its headers.
        body: from the end of the headers to the end of the body.
        keep_alive: idle between two requests; longer than proxies in front keep theirs.
        send: a client takes not one byte of what waits for it.
        connections: at once, from everywhere; half of the process's file descriptors at most.
        per_address: at once, from one IPv4 address or IPv6 /64; loopback is exempt.
        head_bytes: of the request line and headers together.
        line_bytes: of the request line, and of one header.
        headers: how many.
        streams: of events, at once.
        heartbeat: from one sign of life to the next on a stream where nothing happens.
    """

    head: float = 10.0
    body: float = 30.0
    keep_alive: float = 75.0
    send: float = 30.0
    connections: int = 4096
    per_address: int = 512
    head_bytes: int = 64 * 1024
    line_bytes: int = 8190
    headers: int = 100
    streams: int = 1000
    heartbeat: float = 15.0

    @property
    def sweep(self) -> float:
        """Seconds between two looks at all connections."""
        return min(1.0, min(self.head, self.body, self.keep_alive, self.send) / 4)
