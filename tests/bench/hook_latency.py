"""From a webhook to the new file, beside a bare fetch and a bare drawing."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import AsyncExitStack
from itertools import count
from typing import TYPE_CHECKING, Final

import aiohttp
import orjson

from bench import plain
from bench.daemon import RefreshesFailed, loaded
from bench.hooks import SECRET, trigger
from bench.processes import source_server
from bench.rounds import percentile
from bench.running import running
from bench.source_server import document
from bench.table import Budget, Row
from bench.workspace import uid
from repaintd.core.mapping import map_document
from repaintd.render.engine import open_engine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.effort import Effort
    from bench.running import Running
    from bench.workspace import Workspace

BLOCK: Final = 10  # samples of one side before the other has its turn
WARM_UP: Final = 10
MARKUPS: Final = 64
GLANCE: Final = 0.0003  # seconds between two looks at the file
SETTLE: Final = 0.1  # seconds between two samples: the daemon writes down what it did
LATEST: Final = 15.0
ACCEPTED: Final = b"HTTP/1.1 202"


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """The middle and the worst hundredth of both."""
    async with AsyncExitStack() as stack:
        source = f"http://127.0.0.1:{await stack.enter_async_context(source_server())}/"
        workspace.write(1, f"{source}new/", hook=f'secret: "{SECRET}", debounce: 0')
        daemon = await stack.enter_async_context(running(workspace))
        browser = await stack.enter_async_context(plain.open_browser())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        cdp = await plain.bare_cdp(await plain.warm_page(browser, source))
        bare = Bare(session, f"{source}new/0", cdp, await _markups(workspace))
        ours, plainly = await _samples(daemon, bare, effort.samples)
    return [
        Row(
            name="webhook to new file, p50",
            ours=1000 * percentile(ours, 0.5),
            baseline=1000 * percentile(plainly, 0.5),
            unit="ms",
            budget=Budget(of="excess", at_most=15),
            note="one at a time, `repaintd run` in another process, from the first byte sent until "
            "the stable file is another one; baseline: aiohttp get + bare CDP JPEG",
        ),
        Row(
            name="webhook to new file, p99",
            ours=1000 * percentile(ours, 0.99),
            baseline=1000 * percentile(plainly, 0.99),
            unit="ms",
            budget=Budget(of="ratio", at_most=2),
        ),
    ]


class Bare:
    """The baseline: a fetch, a drawing, nothing else."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, cdp: plain.BareCdp, markups: list[str]
    ) -> None:
        self._session = session
        self._url = url
        self._cdp = cdp
        self._markups = markups

    async def sample(self, number: int) -> float:
        """Seconds for one."""
        started = time.perf_counter()
        async with self._session.get(self._url) as response:
            await response.json()
        await self._cdp.draw(self._markups[number % len(self._markups)], fast=True)
        return time.perf_counter() - started


async def _markups(workspace: Workspace) -> list[str]:
    """Finished pages for the plain browser, as the daemon would make them of as many documents."""
    whole = loaded(workspace.config, browser=False)
    binding = next(iter(whole.configuration.bindings.values()))
    template = whole.templates[binding.template_id]
    documents = [orjson.loads(document(number)) for number in range(MARKUPS)]
    mapped = [map_document(binding, template, each).variables for each in documents]
    async with open_engine() as engine:
        return [await engine.expand(template, variables) for variables in mapped]


async def _samples(daemon: Running, bare: Bare, samples: int) -> tuple[list[float], list[float]]:
    ours: list[float] = []
    plainly: list[float] = []
    numbers = count()
    await asyncio.to_thread(_wait_for, daemon.image)
    with socket.create_connection(("127.0.0.1", daemon.port), LATEST) as connection:
        while len(ours) < samples + WARM_UP:
            for _ in range(BLOCK):
                request = trigger(uid(0), next(numbers))
                ours.append(await asyncio.to_thread(_sample, connection, request, daemon.image))
                await asyncio.sleep(SETTLE)
            for number in range(BLOCK):
                plainly.append(await bare.sample(number))
                await asyncio.sleep(SETTLE)
    return ours[WARM_UP:], plainly[WARM_UP:]


def _wait_for(image: Path) -> None:
    """Until the daemon has drawn its first image, and is at rest."""
    deadline = time.monotonic() + LATEST
    while not image.exists():
        time.sleep(SETTLE)
        if time.monotonic() > deadline:
            raise RefreshesFailed("the daemon draws nothing")
    time.sleep(1.0)


def _sample(connection: socket.socket, request: bytes, image: Path) -> float:
    """Seconds until the file is another one; in a thread, where short sleeps are short.

    Raises:
        RefreshesFailed: the trigger was not accepted, or led to nothing.
    """
    before = _identity(image)
    started = time.perf_counter()
    connection.sendall(request)
    while _identity(image) == before:
        time.sleep(GLANCE)
        if time.perf_counter() - started > LATEST:
            raise RefreshesFailed("a trigger has led to no new file")
    seconds = time.perf_counter() - started
    answer = connection.recv(65_536)
    if not answer.startswith(ACCEPTED):
        raise RefreshesFailed(f"a trigger was answered with {answer[:40]!r}")
    return seconds


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns
