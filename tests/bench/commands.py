"""Commands that run to their end, with the seconds that they took."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Final

from bench.daemon import ENVIRONMENT
from bench.processes import PATIENCE, HelperFailed, child_environment, gone, module

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REPAINTD: Final = (sys.executable, "-m", "repaintd")


async def repaintd(*arguments: str, status: int) -> tuple[float, str]:
    """Seconds that `repaintd` took, and what it printed.

    Raises:
        HelperFailed: it ended with another status.
    """
    return await _run((*REPAINTD, *arguments), ENVIRONMENT, status)


async def bare_start(*directories: Path) -> float:
    """Seconds of the baseline: the same interpreter and imports, and the files only parsed.

    Raises:
        HelperFailed: it broke.
    """
    command = (*module("bare_start"), *map(str, directories))
    return (await _run(command, child_environment(), 0))[0]


async def _run(
    command: tuple[str, ...], environment: Mapping[str, str], status: int
) -> tuple[float, str]:
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            output, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
        await gone(process)
    seconds = time.perf_counter() - started
    if process.returncode != status:
        said = (complaints or output).decode(errors="replace")
        raise HelperFailed(f"{' '.join(command[1:])} ended with {process.returncode}:\n{said}")
    return seconds, output.decode()
