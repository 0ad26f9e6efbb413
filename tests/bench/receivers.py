"""Receivers of webhooks fast enough not to be what is measured, and black holes beside them.

    python -m bench.receivers HEALTHY HOLES

Prints the ports as two lists in JSON, and serves until its standard input ends. A POST to a healthy
port is answered at once and noted with its time; a GET to it gives what was noted there since the
last one: id and monotonic time of each message. Black holes take everything and never answer.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

TAKEN: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
MESSAGE_ID: Final = re.compile(rb"\r\nwebhook-id: *(\S+)", re.IGNORECASE)

Notes = list[tuple[str, float]]


class Healthy(asyncio.Protocol):
    """One client of a healthy port."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while self._take_one():
            pass

    def _take_one(self) -> bool:
        """Answer one request, if there is a whole one."""
        head, end, rest = self._waiting.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        size = int(length[1]) if length else 0
        if not end or len(rest) < size:
            return False
        self._waiting = rest[size:]
        self._transport.write(self._told() if head.startswith(b"GET ") else self._noted(head))
        return True

    def _noted(self, head: bytes) -> bytes:
        found = MESSAGE_ID.search(head)
        self._notes.append((found[1].decode() if found else "", time.monotonic()))
        return TAKEN

    def _told(self) -> bytes:
        body = json.dumps(self._notes).encode()
        self._notes.clear()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def serve(healthy: int, holes: int) -> None:
    makers: list[Callable[[], asyncio.Protocol]] = [partial(Healthy, []) for _ in range(healthy)]
    makers += [asyncio.Protocol] * holes
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(maker, "127.0.0.1", 0) for maker in makers]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    print(json.dumps([ports[:healthy], ports[healthy:]]), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
