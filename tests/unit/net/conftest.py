from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from repaintd.core.egress import EgressPolicy
from repaintd.net import open_door


class RawServer:
    """Speaks whatever bytes it is told to, on loopback.

    `answer` is the bytes to send for every request, or a function of (request head and body,
    writer) that gives such bytes or writes them itself; `close` ends the connection afterwards.
    """

    def __init__(self, answer, *, close=False):
        self.answer = answer
        self.close = close
        self.connections = 0
        self.requests: list[bytes] = []
        self.port = 0
        self.reader: asyncio.StreamReader | None = None
        self._tasks: set[asyncio.Task] = set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    async def connected(self, reader, writer):
        self.connections += 1
        self.reader = reader
        self._tasks.add(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    await self._answer_one(reader, writer)
                    if self.close:
                        break
        finally:
            self._tasks.discard(asyncio.current_task())
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer_one(self, reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        for line in request.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                request += await reader.readexactly(int(value))
        self.requests.append(request)
        answer = self.answer
        if callable(answer):
            answer = answer(request, writer)
            if inspect.isawaitable(answer):
                answer = await answer
        if answer:
            writer.write(answer)
            await writer.drain()

    async def stop(self):
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def serve():
    """Start a RawServer; closed when the test ends."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(answer=b"", *, close=False, ssl=None, host="127.0.0.1", port=0):
            raw = RawServer(answer, close=close)
            server = await asyncio.start_server(raw.connected, host, port, ssl=ssl)
            raw.port = server.sockets[0].getsockname()[1]
            stack.push_async_callback(raw.stop)
            stack.callback(server.close)
            return raw

        yield start


@pytest.fixture
async def door():
    """A door that may reach the loopback address."""
    policy = EgressPolicy.parse(["127.0.0.1"])
    async with open_door(policy, per_host=4, limit=20, user_agent="repaintd-test") as opened:
        yield opened


@pytest.fixture
async def open_with():
    """Open further doors: `await open_with(["localhost"], resolver=…)`."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(allow=(), **options):
            policy = EgressPolicy.parse(allow)
            options = {"per_host": 4, "limit": 20, "user_agent": "repaintd-test", **options}
            return await stack.enter_async_context(open_door(policy, **options))

        yield start


class StubResolver(AbstractResolver):
    """Answers with an address, a list of them, or what a function makes of the name."""

    def __init__(self, answer):
        self._answer = answer
        self.asked: list[str] = []

    async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
        self.asked.append(host)
        answer = self._answer(host) if callable(self._answer) else self._answer
        if isinstance(answer, OSError):
            raise answer
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in ([answer] if isinstance(answer, str) else answer)
        ]

    async def close(self):
        pass


@pytest.fixture
def stub_resolver():
    return StubResolver


@pytest.fixture
def connects_of(monkeypatch):
    """Record every address that the loop is told to connect a socket to."""

    @contextlib.contextmanager
    def record():
        addresses = []
        loop = asyncio.get_running_loop()
        genuine = loop.sock_connect

        async def spy(sock, address):
            addresses.append(address)
            await genuine(sock, address)

        with monkeypatch.context() as patched:
            patched.setattr(loop, "sock_connect", spy)
            yield addresses

    return record


def response(body=b"", *headers, status="200 OK"):
    """A whole response with its length."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@pytest.fixture(name="response")
def response_fixture():
    return response
