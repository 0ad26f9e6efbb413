"""The daemon without its browser, beside the measurement: with a past, and from its start on."""

from __future__ import annotations

import asyncio
import gc
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import psutil

from bench import seeds
from bench.daemon import loaded
from bench.processes import HelperFailed, child_environment, gone, module

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.workspace import Workspace

READY_WITHIN: Final = 90.0


async def leave_behind(workspace: Workspace) -> str:
    """Make the past of that daemon, and forget it in this process; where it will listen."""
    configuration = loaded(workspace.config, browser=False)
    await seeds.leave_behind(configuration)
    url: str = configuration.configuration.settings.server.public_url
    del configuration
    gc.collect()
    return url


@asynccontextmanager
async def headless(workspace: Workspace) -> AsyncIterator[psutil.Process]:
    """The daemon's process, once it is ready.

    Raises:
        HelperFailed: it does not become ready.
    """
    process = await asyncio.create_subprocess_exec(
        *module("headless"),
        str(workspace.config),
        env=child_environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_WITHIN):
            line = await process.stdout.readline()
        if line.strip() != b"READY":
            raise HelperFailed("the daemon did not become ready")
        yield psutil.Process(process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await gone(process)
