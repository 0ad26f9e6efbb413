"""An HTTP client that costs next to nothing: raw sockets, keep-alive, one request at a time each.

    python load_client.py PORT PATH SECONDS CONNECTIONS [ETAG]

Prints one JSON object: requests answered as expected, seconds, and requests that were not.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Final

BUFFER: Final = 256 * 1024
LENGTH: Final = b"\r\ncontent-length:"
STATUS: Final = slice(9, 12)


class Client(asyncio.BufferedProtocol):
    """Asks again as soon as it was answered."""

    def __init__(self, request: bytes, status: bytes) -> None:
        self._request = request
        self._status = status
        self._buffer = memoryview(bytearray(BUFFER))
        self._filled = 0
        self._left = 0
        self.answered = 0
        self.wrong = 0
        self.stopped = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.stopped.done():
            self.stopped.set_result(None)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        if self._left:
            self._take(nbytes)
            return
        self._filled += nbytes
        head, end, rest = bytes(self._buffer[: self._filled]).partition(b"\r\n\r\n")
        if not end:
            return
        self.wrong += head[STATUS] != self._status
        self._filled = 0
        self._left = _length(head)
        self._take(len(rest))

    def _take(self, size: int) -> None:
        """Count *size* bytes of body; the last one is followed by the next request."""
        self._left -= size
        if self._left <= 0:
            self.answered += 1
            self._transport.write(self._request)


def _length(head: bytes) -> int:
    """Bytes of the body; 0 after a head that names none, as after a 304."""
    lower = head.lower()
    at = lower.find(LENGTH)
    if at < 0 or head[STATUS] == b"304":
        return 0
    return int(lower[at + len(LENGTH) :].split(b"\r\n", 1)[0])


async def drive(
    port: int, path: str, seconds: float, connections: int, etag: str
) -> dict[str, float]:
    condition = f"If-None-Match: {etag}\r\n" if etag else ""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{condition}\r\n".encode()
    status = b"304" if etag else b"200"
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    clients = [
        (await loop.create_connection(lambda: Client(request, status), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - started
    lost = sum(client.stopped.done() for client in clients)
    answered = sum(client.answered for client in clients)
    wrong = sum(client.wrong for client in clients)
    return {"requests": answered, "seconds": elapsed, "wrong": wrong + lost}


def main() -> None:
    port, path, seconds, connections, *etag = sys.argv[1:]
    result = drive(int(port), path, float(seconds), int(connections), "".join(etag))
    print(json.dumps(asyncio.run(result)))


if __name__ == "__main__":
    main()
