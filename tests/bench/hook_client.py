"""Sends a burst of triggers, signed in advance, as fast as they are answered.

    python -m bench.hook_client PORT UID FIRST COUNT CONNECTIONS

The last one is sent when all others are answered, so that there is no doubt which one it is.
Prints one JSON object: seconds, the time of each answer in milliseconds, and how many answers were
not 202.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, Final

from bench.hooks import trigger

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH: Final = b"\r\ncontent-length:"
ACCEPTED: Final = b"202"


class Sender(asyncio.Protocol):
    """Sends the next one as soon as the last was answered.

    Attributes:
        done: when nothing is left to be sent; an error if the connection was lost before.
    """

    def __init__(self, requests: Iterator[bytes], times: list[float]) -> None:
        self._requests = requests
        self._times = times
        self._buffer = b""
        self.wrong = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def send(self) -> None:
        """Send the next one, if there is one."""
        request = next(self._requests, None)
        if request is None:
            self.done.set_result(None)
            return
        self._sent_at = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return
        self._times.append(1000 * (time.perf_counter() - self._sent_at))
        self.wrong += head[9:12] != ACCEPTED
        self._buffer = b""
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("closed"))


def _length(head: bytes) -> int:
    lower = head.lower()
    return int(lower[lower.index(LENGTH) + len(LENGTH) :].split(b"\r\n", 1)[0])


async def burst(port: int, requests: list[bytes], connections: int) -> dict[str, object]:
    times: list[float] = []
    *most, last = requests
    waiting, final = iter(most), iter([last])
    loop = asyncio.get_running_loop()
    senders = [
        (await loop.create_connection(lambda: Sender(waiting, times), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    closing = (await loop.create_connection(lambda: Sender(final, times), "127.0.0.1", port))[1]
    started = time.perf_counter()
    for sender in senders:
        sender.send()
    await asyncio.gather(*(sender.done for sender in senders))
    closing.send()
    await closing.done
    wrong = sum(sender.wrong for sender in (*senders, closing))
    return {"seconds": time.perf_counter() - started, "times": times, "wrong": wrong}


def main() -> None:
    port, uid, first, count, connections = sys.argv[1:]
    requests = [trigger(uid, int(first) + number) for number in range(int(count))]
    print(json.dumps(asyncio.run(burst(int(port), requests, int(connections)))))


if __name__ == "__main__":
    main()
