"""A daemon that polls many bindings, and the ways to change its configuration."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from bench.daemon import RefreshesFailed
from bench.headless_daemon import leave_behind
from bench.processes import PATIENCE, HelperFailed, beside, source_server
from bench.reload_daemon import TTL
from bench.workspace import CARD, binding_file, change_source, replace_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from bench.processes import Beside
    from bench.workspace import Workspace

AT_REST: Final = 2.0  # seconds after READY
AFTERWARDS: Final = 0.5  # seconds that are looked at when all has been applied
IDLE: Final = 1.5  # seconds that are looked at while nothing is changed
SETTLE: Final = 0.5  # seconds that files have to hold still: the default of reload.settle
NUMBER: Final = 17  # of the binding that is changed
HALF: Final = "half"


@dataclass(slots=True)
class Looked:
    """What was seen of one kind of change, in all rounds.

    Attributes:
        seconds: that each took.
        blocked: the longest block of the event loop during each, and how much of it the machine
            was busy with others.
        moved: timers of bindings that were not changed.
        example: of them, as it was and is.
    """

    seconds: list[float] = field(default_factory=list)
    blocked: list[tuple[float, float]] = field(default_factory=list)
    moved: int = 0
    example: str = ""


@dataclass(slots=True)
class Scene:
    """The daemon, and what is known of it.

    Attributes:
        half: so many bindings, from number 0 on, have a template that is changed.
        first_load: seconds to read all files at the start.
        applied: the stream of `config.applied`.
    """

    workspace: Workspace
    half: int
    daemon: Beside
    session: aiohttp.ClientSession
    first_load: float
    applied: aiohttp.StreamReader
    names: count[int] = field(default_factory=count)

    async def look(
        self, looked: Looked, change: Callable[[], Awaitable[float]], touched: range
    ) -> None:
        """Let *change* happen, and see what it does to the loop and to others than *touched*."""
        await self._say("begin")
        looked.seconds.append(await change())
        await asyncio.sleep(AFTERWARDS)
        blocked, moved, example = json.loads(await self._say(f"end {touched.start} {touched.stop}"))
        looked.blocked.append(tuple(blocked))
        looked.moved += moved
        looked.example = looked.example or "".join(example)

    async def nothing(self) -> float:
        """No change."""
        await asyncio.sleep(IDLE)
        return IDLE

    async def written(self) -> float:
        """Seconds from another file of bindings to the event, those to hold still left out."""
        started = await asyncio.to_thread(self._change_one)
        await self._event(1)
        return time.perf_counter() - started - SETTLE

    async def posted(self) -> float:
        """Seconds from the order to its answer, all in all; the file was changed just before."""
        started = await asyncio.to_thread(self._change_one)
        async with self.session.post("/-/reload") as response:
            answer = await response.json()
        seconds = time.perf_counter() - started
        if response.status != HTTPStatus.OK:
            raise RefreshesFailed(f"the reload was answered with {response.status}: {answer}")
        _expect(answer["applied"], 1)
        await self._event(1)
        return seconds

    async def dressed(self) -> float:
        """Seconds from another template of many bindings to the event, the same left out."""
        started = await asyncio.to_thread(self._change_template)
        await self._event(self.half)
        return time.perf_counter() - started - SETTLE

    def _change_one(self) -> float:
        """When it is done."""
        change_source(self.workspace.config, NUMBER, str(next(self.names)))
        return time.perf_counter()

    def _change_template(self) -> float:
        """When it is done."""
        path = self.workspace.config / "templates" / HALF / "template.html"
        replace_text(path, f"{path.read_text('utf-8')}<!-- {next(self.names)} -->\n")
        return time.perf_counter()

    async def _say(self, order: str) -> str:
        self.daemon.input.write(f"{order}\n".encode())
        async with asyncio.timeout(PATIENCE):
            line = await self.daemon.output.readline()
        if not line:
            raise HelperFailed("the daemon is gone")
        return line.decode()

    async def _event(self, changed: int) -> None:
        """Wait for the next `config.applied`.

        Raises:
            RefreshesFailed: it tells of something else.
        """
        async with asyncio.timeout(PATIENCE):
            while not (line := await self.applied.readline()).startswith(b"data: "):
                if not line:
                    raise HelperFailed("the stream of events has ended")
        _expect(json.loads(line.removeprefix(b"data: "))["data"], changed)


@asynccontextmanager
async def open_scene(workspace: Workspace, size: int) -> AsyncIterator[Scene]:
    """Run a daemon with so many bindings, until it is at rest."""
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(source_server())
        workspace.write(size, f"http://127.0.0.1:{port}/same/", ttl=TTL)
        half = size // 2
        await asyncio.to_thread(_dress, workspace, half)
        await leave_behind(workspace)
        daemon = await stack.enter_async_context(beside("reload_daemon", str(workspace.config)))
        own_port, key, first_load = json.loads(daemon.said)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(
                f"http://127.0.0.1:{own_port}", headers={"Authorization": f"Bearer {key}"}
            )
        )
        timeout = aiohttp.ClientTimeout(total=None)
        events = await stack.enter_async_context(
            session.get("/events", params={"event": "config.applied"}, timeout=timeout)
        )
        events.raise_for_status()
        await asyncio.sleep(AT_REST)
        yield Scene(workspace, half, daemon, session, first_load, events.content)


def _dress(workspace: Workspace, half: int) -> None:
    """Let the first bindings have a template of their own."""
    shutil.copytree(CARD, workspace.config / "templates" / HALF)
    left, number = half, 0
    while left:
        path = binding_file(workspace.config, number)
        text = path.read_text("utf-8")
        there = text.count("templateId: card\n")
        path.write_text(text.replace("templateId: card\n", f"templateId: {HALF}\n", left), "utf-8")
        left, number = left - min(left, there), number + there


def _expect(applied: Mapping[str, Any] | None, changed: int) -> None:
    counts = (applied or {}).get("counts", {})
    if counts.get("changed") != changed or counts.get("redrawn") != changed:
        raise RefreshesFailed(f"{changed} changed bindings were to be applied: {counts}")
