"""Clients of the event stream that read nothing: what they cost the daemon's memory."""

from __future__ import annotations

import array
import asyncio
import fcntl
import json
import socket
import termios
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aiohttp
import psutil

from bench.daemon import RefreshesFailed
from bench.processes import beside
from bench.running import metric
from bench.table import Budget, Row
from bench.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from bench.effort import Effort
    from bench.processes import Beside

STALLED: Final = 200
PATIENCE: Final = 200.0
SWEEPS: Final = 3.0  # seconds: to see that nothing moves, to see it still, to look ourselves
GLANCE: Final = 0.05
MIB: Final = 1024 * 1024
HEAD: Final = b"HTTP/1.1 200"
DROPPED: Final = "repaintd_event_streams_dropped_total"
LINE_MOST: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of one daemon.

    Attributes:
        growth: most bytes of resident memory beyond those at the start.
        rate: events a second to the client that reads.
        drop: seconds from when the first client was full until all of them were dropped.
    """

    growth: int
    rate: float
    drop: float


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """Memory with and without them, and the one client that reads."""
    plain = await _watch(Workspace(workspace.root / "plain"), effort, stalled=0)
    seen = await _watch(Workspace(workspace.root / "stalled"), effort, stalled=STALLED)
    return [
        Row(
            name=f"memory for {STALLED} stalled streams, {effort.events:,} events",
            ours=seen.growth / MIB,
            baseline=plain.growth / MIB,
            unit="MiB",
            budget=Budget(of="ours", at_most=50),
            note="most RSS of the daemon beyond that before the first client; one more client got "
            "every event in order; baseline: that one client alone",
        ),
        Row(
            name="until all stalled streams are dropped",
            ours=seen.drop,
            unit="s",
            budget=Budget(of="ours", at_most=effort.stall + SWEEPS),
            note=f"from when the first is full; the limit is {effort.stall:g} s here",
        ),
        Row(
            name="events to the stream that reads",
            ours=seen.rate,
            baseline=plain.rate,
            unit="/s",
            note="while they are written, in the same process; baseline: without stalled streams",
        ),
    ]


async def _watch(workspace: Workspace, effort: Effort, *, stalled: int) -> Seen:
    workspace.write(1, "http://127.0.0.1/")
    async with (
        beside("event_daemon", str(workspace.config), str(effort.stall)) as daemon,
        aiohttp.ClientSession() as session,
        asyncio.timeout(PATIENCE),
        asyncio.TaskGroup() as tasks,
    ):
        port, key = json.loads(daemon.said)
        memory = Memory(daemon.pid)
        clients = Stalled([await asyncio.to_thread(_open, port, key) for _ in range(stalled)])
        reader, writer = await _reader(port, key)
        watching = tasks.create_task(_keep_looking(memory, clients), name="watch")
        started = time.perf_counter()
        dropped = tasks.create_task(
            clients.all_dropped(lambda: metric(session, port, DROPPED)), name="drops"
        )
        await _happen(daemon, effort.events)
        await _read_all(reader, effort.events)
        rate = effort.events / (time.perf_counter() - started)
        await dropped
        watching.cancel()
        writer.close()
    return Seen(growth=memory.growth, rate=rate, drop=clients.drop)


class Memory:
    """The resident memory of a process, beyond what it is now."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._before = self._process.memory_info().rss
        self.growth = 0

    def look(self) -> None:
        """Note the most."""
        self.growth = max(self.growth, self._process.memory_info().rss - self._before)


class Stalled:
    """Clients that have asked for events and read nothing more.

    Attributes:
        drop: seconds from when the first was full until the daemon had dropped all.
    """

    def __init__(self, clients: Sequence[socket.socket]) -> None:
        self._waiting = {client: (0, time.monotonic()) for client in clients}
        self.drop = 0.0

    def look(self) -> None:
        """Find out who is full, without reading anything."""
        now = time.monotonic()
        for client, (before, _) in self._waiting.items():
            waiting = array.array("i", [0])
            fcntl.ioctl(client, termios.FIONREAD, waiting)
            if waiting[0] != before:
                self._waiting[client] = waiting[0], now

    async def all_dropped(self, dropped: Callable[[], Awaitable[float]]) -> None:
        """Wait until the daemon says so: what it cannot send, it cannot tell them either."""
        while await dropped() < len(self._waiting):
            await asyncio.sleep(5 * GLANCE)
        full = min((at for _, at in self._waiting.values()), default=0.0)
        self.drop = time.monotonic() - full if full else 0.0
        for client in self._waiting:
            client.close()
        self._waiting.clear()


async def _keep_looking(memory: Memory, clients: Stalled) -> None:
    while True:
        memory.look()
        clients.look()
        await asyncio.sleep(GLANCE)


def _open(port: int, key: str) -> socket.socket:
    """A client that asks and reads the head, no more."""
    client = socket.create_connection(("127.0.0.1", port), 10.0)
    client.sendall(_request(key))
    head = client.recv(len(HEAD))
    if head != HEAD:
        raise RefreshesFailed(f"a client was answered {head!r}")
    return client


def _request(key: str) -> bytes:
    lines = ("GET /events HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {key}", "", "")
    return "\r\n".join(lines).encode()


async def _reader(port: int, key: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The client that reads, at the first event."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LINE_MOST)
    writer.write(_request(key))
    while (line := await reader.readline()) and not line.startswith(b"retry:"):
        pass
    return reader, writer


async def _happen(daemon: Beside, events: int) -> None:
    daemon.input.write(f"{events}\n".encode())
    await daemon.input.drain()


async def _read_all(reader: asyncio.StreamReader, events: int) -> None:
    """Read so many events; each binding's must come in order and without a hole.

    Raises:
        RefreshesFailed: they do not.
    """
    last: dict[bytes, int] = {}
    got = 0
    while got < events:
        line = await reader.readline()
        if not line or line.startswith(b"event: reset"):
            raise RefreshesFailed(f"the stream broke after {got} events: {line!r}")
        if line.startswith(b"id: "):
            uid, _, number = line.strip().rpartition(b"_")
            if int(number) != last.get(uid, 0) + 1:
                raise RefreshesFailed(f"{line!r} came after number {last.get(uid, 0)}")
            last[uid] = int(number)
            got += 1
