"""Playwright's driver, started with a clean environment."""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from playwright._impl._driver import (  # the only place that knows where the bundled node lies
    compute_driver_executable,
)
from playwright.async_api import Playwright, async_playwright

from repaintd_chromium.wrapper import driver_script, write_scripts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

STOP_SECONDS: Final = 2.0
NODE: Final = "PLAYWRIGHT_NODEJS_PATH"


class Driver:
    """One Node.js process that speaks to one browser.

    Playwright copies `os.environ` into its driver. Instead of emptying `os.environ` while it
    starts, which other tasks would see, the driver is started through a script that empties its
    own environment: PLAYWRIGHT_NODEJS_PATH is Playwright's documented way to name another node.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.pid_file = directory / "driver.pid"
        self._script = directory / "driver"
        self._log_file = directory / "driver.log"
        self._environment = environment
        self._manager = async_playwright()

    async def start(self) -> Playwright:
        """Start the process; the caller holds the deadline."""
        node, _ = compute_driver_executable()
        text = driver_script(node, self.pid_file, self._log_file, self._environment)
        write_scripts([(self._script, text)])
        with _environment_variable(NODE, str(self._script)):
            return await self._manager.start()

    async def stop(self) -> None:
        """Let go of the process, which is dead already or about to be killed."""
        with suppress(Exception):  # whatever a dying driver says is of no interest
            async with asyncio.timeout(STOP_SECONDS):
                await self._manager.__aexit__()
        self._read_last_error()

    def _read_last_error(self) -> None:
        """Read the transport's error, or asyncio logs it as one that was never retrieved."""
        transport = getattr(getattr(self._manager, "_client", None), "_transport", None)
        error = getattr(transport, "on_error_future", None)
        if isinstance(error, asyncio.Future) and error.done() and not error.cancelled():
            error.exception()


@contextmanager
def _environment_variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
