"""The real daemon inside the test's process, without a browser, and sources that misbehave."""

from __future__ import annotations

import asyncio
import gc
import io
import itertools
import json
import logging
import os
import resource
import signal
import socket
import struct
import sys
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp
import pytest
import structlog

from repaintd.app import Options, load, run_daemon
from repaintd.logs import configure_logging
from repaintd.plugin import Components, SpecModel
from repaintd.registry import PluginRecord, PluginStatus, discover
from repaintd.runtime.scheduler import Scheduler
from repaintd.testing import FakeRenderer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    # bytes to send, seconds to wait, or None for a reset of the connection
    Answer = Callable[[], Iterable[bytes | float | None]]

START_SECONDS = 40
TLS_HANDSHAKE = b"\x16"


class Sources:
    """One process full of sources, each at a path that begins with its name.

    Until `hostile` is set, all answer with a document; from then on, those in `answers` send what
    stands there and close the connection. `:PORT/` becomes the port that was asked.
    """

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.hostile = False
        self.version = 1
        self.fetches: Counter[str] = Counter()
        self._serial = itertools.count()
        self._tasks: set[asyncio.Task[Any]] = set()

    def document(self, name: str) -> bytes:
        """What the source says when it is well; `lively` never says the same twice."""
        number = next(self._serial) if name == "lively" else self.version
        return json.dumps({"title": name, "n": number}).encode()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            # cancelled by `stop` only; asyncio would report a handler that ends so
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._answer_one(reader, writer):
                    pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer a request; whether the connection stays open."""
        start = await reader.readexactly(1)
        if start == TLS_HANDSHAKE:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return False
        request = start + await reader.readuntil(b"\r\n\r\n")
        name, _, hop = request.split()[1].decode().removeprefix("/").partition("/")
        self.fetches[name] += not hop
        if self.hostile and name in self.answers:
            await _act(self.answers[name](), writer)
            return False
        writer.write(self._good(name, request))
        await writer.drain()
        return True

    def _good(self, name: str, request: bytes) -> bytes:
        if name == "steady":
            if b'If-None-Match: "steady"' in request:
                return b'HTTP/1.1 304 Not Modified\r\nETag: "steady"\r\n\r\n'
            return response(self.document(name), b'ETag: "steady"\r\n')
        return response(self.document(name))

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def response(body: bytes, fields: bytes = b"") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    return head + fields + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


async def _act(steps: Iterable[bytes | float | None], writer: asyncio.StreamWriter) -> None:
    for step in steps:
        if step is None:
            linger = struct.pack("ii", 1, 0)  # close with RST instead of FIN
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        elif isinstance(step, bytes):
            writer.write(step.replace(b":PORT/", b":%d/" % writer.get_extra_info("sockname")[1]))
            await writer.drain()
        else:
            await asyncio.sleep(step)


class Doors:
    """Loopback ports for one `Sources`; a closed one refuses connections and stays ours."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._servers: dict[int, asyncio.Server] = {}
        self._kept: list[socket.socket] = []

    async def open(self, port: int = 0) -> int:
        if not port:
            port = self._keep()
        self._servers[port] = await asyncio.start_server(
            self._sources.connected, "127.0.0.1", port, reuse_port=True
        )
        return port

    def _keep(self) -> int:
        """A port that nobody else can take while nobody listens on it."""
        keeper = socket.socket()
        self._kept.append(keeper)
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        keeper.bind(("127.0.0.1", 0))
        return keeper.getsockname()[1]

    def close(self, port: int) -> None:
        self._servers.pop(port).close()

    async def close_all(self) -> None:
        for port in list(self._servers):
            self.close(port)
        await self._sources.stop()
        for keeper in self._kept:
            keeper.close()


@asynccontextmanager
async def sources_on_loopback(answers: dict[str, Answer]):
    """The sources, and the ports to reach them at."""
    sources = Sources(answers)
    doors = Doors(sources)
    try:
        yield sources, doors
    finally:
        await doors.close_all()


class Paper:
    """A plugin whose renderer needs no browser: the image is the markup."""

    name: ClassVar[str] = "paper"
    settings_model: ClassVar[type[SpecModel]] = SpecModel
    source_specs: ClassVar = MappingProxyType({})

    @asynccontextmanager
    async def open(self, settings, context):
        yield Components(renderers={"paper": FakeRenderer()})


@dataclass
class Daemon:
    """The running daemon: its configuration, address, scheduler and log."""

    config: Path
    output: Path
    url: str
    scheduler: Scheduler
    stream: io.StringIO

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    async def get(self, path: str) -> tuple[int, bytes]:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as answer:
            return answer.status, await answer.read()

    async def status(self) -> dict[str, dict[str, Any]]:
        """The bindings of /status.json by uid."""
        _, body = await self.get("/status.json")
        return {binding["uid"]: binding for binding in json.loads(body)["bindings"]}

    async def metrics(self) -> dict[str, float]:
        _, body = await self.get("/metrics")
        rows = [line.rpartition(" ") for line in body.decode().splitlines() if line[:1] != "#"]
        return {series: float(value) for series, _, value in rows if series}

    async def listing(self) -> str:
        """What `repaintd list` prints."""
        own = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "repaintd", "list", "--config", str(self.config),
            stdout=asyncio.subprocess.PIPE, env=own,
        )  # fmt: skip
        printed, _ = await process.communicate()
        assert process.returncode == 0
        return printed.decode()


@contextmanager
def captured_log() -> Iterator[io.StringIO]:
    """The daemon's log as an operator has it; the process's logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging(stream, json=True, level="info", environ={})
    try:
        yield stream
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()


@contextmanager
def _process_as_it_was() -> Iterator[None]:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, files)
        gc.unfreeze()


@asynccontextmanager
async def daemon_in_process(config: Path):
    """`repaintd run` on *config*, all of it, but for the browser and the process of its own."""
    made: list[Scheduler] = []

    def scheduler(**parts: Any) -> Scheduler:
        made.append(Scheduler(**parts))
        return made[0]

    async with AsyncExitStack() as stack:
        stack.enter_context(_process_as_it_was())
        stream = stack.enter_context(captured_log())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr("repaintd.app.parts.Scheduler", scheduler)
        patch.setattr("repaintd.app.configure.discover", plugins_without_browser)
        loaded = load(Options(directory=config, environ={}))
        url = loaded.configuration.settings.server.public_url
        task = await _started(loaded)
        try:
            yield Daemon(config, loaded.configuration.output_path, url, made[0], stream)
        finally:
            if not task.done():  # else nobody would catch the signal
                signal.raise_signal(signal.SIGTERM)
            await task


def plugins_without_browser() -> tuple[PluginRecord, ...]:
    """All that are installed, but for the browser; `paper` draws in its place."""
    paper = PluginRecord(name="paper", status=PluginStatus.LOADED, plugin=Paper())
    return (*(record for record in discover() if record.name != "chromium"), paper)


async def _started(loaded) -> asyncio.Task[None]:
    """The daemon's task, once it is ready."""
    up = asyncio.Event()
    task = asyncio.create_task(
        run_daemon(
            loaded,
            log=structlog.get_logger("repaintd"),
            environ={},
            announce=lambda *_: up.set(),
        ),
        name="daemon",
    )
    ready = asyncio.create_task(up.wait(), name="ready")
    await asyncio.wait({task, ready}, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if not up.is_set():
        task.cancel()
        await task
    return task


@pytest.fixture(scope="session")
def open_sources():
    """`async with open_sources(answers) as (sources, doors)`."""
    return sources_on_loopback


@pytest.fixture(scope="session")
def open_daemon():
    """`async with open_daemon(config) as daemon`."""
    return daemon_in_process
