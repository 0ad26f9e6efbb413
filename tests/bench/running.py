"""A real daemon with its browser in a process of its own, as users run it."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import aiohttp

from bench.daemon import ENVIRONMENT, loaded
from bench.processes import PATIENCE, HelperFailed, gone
from bench.workspace import uid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bench.workspace import Workspace

READY_WITHIN: Final = 60.0
COMMAND: Final = (sys.executable, "-m", "repaintd")


@dataclass(frozen=True, slots=True)
class Running:
    """It is ready.

    Attributes:
        config: its directory.
        image: where the image of the first binding is, or will be.
    """

    config: Path
    port: int
    image: Path
    session: aiohttp.ClientSession

    async def metric(self, name: str) -> float:
        """The sum of all series of that name whose labels begin so; 0 where there are none."""
        return await metric(self.session, self.port, name)

    async def drawn(self, document: bytes) -> bytes:
        """The first binding's image of that document, by `repaintd render`.

        Raises:
            HelperFailed: it could not be drawn.
        """
        data, image = self.config.parent / "document.json", self.config.parent / "expected"
        data.write_bytes(document)
        arguments = ("render", "--config", str(self.config), "--data", str(data))
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            "-o",
            str(image),
            uid(0),
            env=ENVIRONMENT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                said, _ = await process.communicate()
        finally:
            await gone(process)
        if process.returncode:
            raise HelperFailed(f"repaintd render failed:\n{said.decode()}")
        return image.read_bytes()


@asynccontextmanager
async def running(workspace: Workspace) -> AsyncIterator[Running]:
    """Run `repaintd run` until the context is left.

    Raises:
        HelperFailed: it does not become ready.
    """
    configuration = loaded(workspace.config, browser=True).configuration
    binding = next(iter(configuration.bindings.values()))
    image = configuration.output_path / binding.filename
    log = workspace.root / "daemon.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "run", "--config", str(workspace.config), env=ENVIRONMENT, stdout=out
        )
    try:
        async with aiohttp.ClientSession() as session:
            daemon = Running(workspace.config, configuration.settings.server.port, image, session)
            await _ready(daemon, process, log)
            yield daemon
    finally:
        if process.returncode is None:
            process.terminate()
        await gone(process)


async def metric(session: aiohttp.ClientSession, port: int, name: str) -> float:
    """The sum of a daemon's series of that name whose labels begin so; 0 where there are none."""
    async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
        response.raise_for_status()
        lines = (await response.text()).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


async def _ready(daemon: Running, process: asyncio.subprocess.Process, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and process.returncode is None:
        try:
            async with daemon.session.get(f"http://127.0.0.1:{daemon.port}/readyz") as response:
                if response.status == HTTPStatus.OK:
                    return
        except aiohttp.ClientConnectionError:
            pass  # it does not listen yet
        await asyncio.sleep(0.1)
    said = await asyncio.to_thread(log.read_text, "utf-8")
    raise HelperFailed(f"the daemon did not become ready:\n{said}")
