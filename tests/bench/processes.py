"""The other processes of a measurement: started beside it, gone when it ends."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TESTS: Final = Path(__file__).parent.parent
PATIENCE: Final = 30.0  # seconds for a process to start or to end


def module(name: str) -> tuple[str, ...]:
    """The command that runs a module of this directory."""
    return (sys.executable, "-m", f"bench.{name}")


def child_environment() -> dict[str, str]:
    """What lets it be found."""
    return {**os.environ, "PYTHONPATH": str(TESTS)}


class HelperFailed(Exception):
    """A process beside the measurement did not do its part."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A process beside the measurement; *said* is the line that it began with."""

    pid: int
    said: str
    input: asyncio.StreamWriter
    output: asyncio.StreamReader


@asynccontextmanager
async def beside(name: str, *arguments: str) -> AsyncIterator[Beside]:
    """Run a module of this directory that says one line when it is ready, and ends with its input.

    Raises:
        HelperFailed: it did not start.
    """
    process = await asyncio.create_subprocess_exec(
        *module(name),
        *arguments,
        env=child_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            line = await process.stdout.readline()
        if not line:
            raise HelperFailed(f"{name} did not start")
        yield Beside(process.pid, line.decode().strip(), process.stdin, process.stdout)
    finally:
        process.stdin.close()
        await gone(process)


@asynccontextmanager
async def source_server() -> AsyncIterator[int]:
    """Run the data source in a process of its own; gives its port."""
    async with beside("source_server") as server:
        yield int(server.said)


async def outcome(name: str, *arguments: str, seconds: float) -> dict[str, Any]:
    """What a module of this directory finds out, as the JSON that it prints at its end.

    Args:
        seconds: that it works.

    Raises:
        HelperFailed: it broke.
    """
    process = await asyncio.create_subprocess_exec(
        *module(name), *arguments, env=child_environment(), stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(seconds + PATIENCE):
            output, _ = await process.communicate()
    finally:
        await gone(process)
    if process.returncode:
        raise HelperFailed(f"{name} ended with status {process.returncode}")
    result: dict[str, Any] = json.loads(output)
    return result


async def request_rate(
    port: int, path: str, *, seconds: float, connections: int, etag: str = ""
) -> float:
    """Requests a second that the server on *port* answers to a client in another process.

    Raises:
        HelperFailed: the client broke, or got answers that it did not expect.
    """
    arguments = [str(port), path, str(seconds), str(connections), *([etag] if etag else [])]
    result = await outcome("load_client", *arguments, seconds=seconds)
    if result["wrong"] or not result["requests"]:
        raise HelperFailed(f"{path}: {result}")
    return float(result["requests"] / result["seconds"])


async def gone(process: asyncio.subprocess.Process) -> None:
    """Wait for the end of a process, and make it where it does not come."""
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
