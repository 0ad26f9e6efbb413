"""One browser with its driver, from start to SIGKILL; it is never mended, only replaced."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from playwright.async_api import Error

from repaintd_chromium.faults import Lost, first_line
from repaintd_chromium.processes import is_renderer, kill, memory_mib

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from playwright.async_api import Browser, CDPSession

    from repaintd.plugin import RenderJob
    from repaintd_chromium.driver import Driver
    from repaintd_chromium.fuse import Fuse
    from repaintd_chromium.leash import Leash
    from repaintd_chromium.pages import Pages
    from repaintd_chromium.processes import Process
    from repaintd_chromium.settings import ChromiumSettings
    from repaintd_chromium.threads import Threads

ANSWER_SECONDS: Final = 3.0
MAX_MISSES: Final = 3
GONE_SECONDS: Final = 5.0
EXAMINE_SECONDS: Final = 5.0
BLAME_SECONDS: Final = 3.0  # a page that dies so soon after a kill for its memory died of it

Draw: TypeAlias = "Callable[[], Awaitable[None]]"


class Generation:
    """A running browser.

    Attributes:
        number: counts browsers from 1.
        driver: speaks to it.
        leash: holds its processes.
        pages: what it draws in.
        dead: it was condemned; whatever is awaited of it is lost.
        doubted: set once it should be replaced: dead, or worn out but still serving.
        reason: why, as the metric names it.
    """

    def __init__(
        self,
        *,
        number: int,
        directory: Path,
        driver: Driver,
        leash: Leash,
        settings: ChromiumSettings,
        threads: Threads,
        log: Any,
    ) -> None:
        self.number = number
        self.dead = False
        self.doubted = asyncio.Event()
        self.reason = ""
        self.pages: Pages
        self._session: CDPSession
        self._browser: Browser
        self.driver = driver
        self.leash = leash
        self._directory = directory
        self._settings = settings
        self._threads = threads
        self._log = log
        self._fuses: set[Fuse] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._renders = 0
        self._misses = 0
        self._stopped: set[int] = set()
        self._killed_for_memory_at = float("-inf")

    def attach(self, browser: Browser, session: CDPSession, pages: Pages) -> None:
        """Put the started browser in place and watch over its processes."""
        self._browser = browser
        self._session = session
        self.pages = pages
        browser.on("disconnected", lambda _browser: self.condemn("crashed"))
        self.leash.watch(lambda name: self.condemn("crashed" if name == "browser" else "driver"))

    @property
    def busy(self) -> bool:
        """Whether something is being drawn."""
        return bool(self._fuses)

    @asynccontextmanager
    async def using(self, fuse: Fuse) -> AsyncIterator[None]:
        """Count a drawing in, and end it at once when the browser dies."""
        self._fuses.add(fuse)
        self._idle.clear()
        try:
            if self.dead:
                raise self._lost()
            yield
        finally:
            self._fuses.discard(fuse)
            if not self._fuses:
                self._idle.set()
            self._renders += 1
            if self._renders >= self._settings.recycle_after:
                self.wear_out("recycled")

    async def draw(self, job: RenderJob, fuse: Fuse) -> bytes:
        """Draw *job* in one of the pages.

        Raises:
            Lost: page or browser ended before the picture was there.
            TimeoutError: the deadline of *fuse* came first.
        """
        async with self.using(fuse), fuse:
            try:
                page = await self.pages.take(job, fuse)
                try:
                    body = await page.draw(job, fuse)
                except BaseException:
                    self.pages.discard(page)
                    raise
            except Error as error:
                raise Lost(first_line(error), reason="capture_failed") from error
            self.pages.give_back(page)
            return body

    def blame(self, lost: Lost) -> Lost:
        """The same loss, put down to memory when a page was just killed for it."""
        now = asyncio.get_running_loop().time()
        if lost.reason != "page_crashed" or now - self._killed_for_memory_at > BLAME_SECONDS:
            return lost
        limit = self._settings.max_page_memory_mib
        return Lost(
            f"the page took more than {limit} MiB of memory", reason="out_of_memory", again=False
        )

    def condemn(self, reason: str) -> None:
        """Kill every process of it, now; whatever is being drawn is lost."""
        if self.dead:
            return
        self.dead = True
        self.reason = reason
        self.leash.kill()
        for fuse in tuple(self._fuses):
            fuse.blow(self._lost())
        self.doubted.set()

    def wear_out(self, reason: str) -> None:
        """Ask to be replaced in good order."""
        if not self.doubted.is_set():
            self.reason = reason
            self.doubted.set()

    async def answers(self) -> bool:
        """Whether driver and browser answer, within a few seconds."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._session.send("Browser.getVersion")
        except (TimeoutError, Error):
            return False
        return not self.dead

    async def prove(self, look: Callable[[Draw], Awaitable[None]] | None = None) -> None:
        """Draw something tiny in a fresh page; raises whatever goes wrong.

        The caller holds the deadline.

        Args:
            look: called while the page, and so a process that draws pages, is there; is given
                a function that draws in it once more, which fails when the page has died.
        """
        context = await self._browser.new_context(
            viewport={"width": 10, "height": 10}, java_script_enabled=False
        )
        page = await context.new_page()

        async def draw() -> None:
            await page.screenshot(timeout=0)

        await draw()
        if look is not None:
            await look(draw)
        await context.close()

    async def examine(self) -> None:
        """After a drawing that hung: condemn the browser unless it can still draw."""
        try:
            async with asyncio.timeout(EXAMINE_SECONDS):
                await self.prove()
        except (TimeoutError, Error):
            self.condemn("stuck")

    async def beat(self) -> None:
        """Look for frozen and greedy processes, then ask for a sign of life."""
        members = await self._threads.run(self.leash.members)
        if self.dead or self._look_for_stopped(members):
            return
        self._look_for_greedy(members)
        self._misses = 0 if await self.answers() else self._misses + 1
        if self._misses >= MAX_MISSES:
            self.condemn("frozen")

    async def drained(self) -> None:
        """Wait until nothing is being drawn."""
        await self._idle.wait()

    async def close(self) -> None:
        """Kill, let go, and clean up; never fails, takes a few seconds at most."""
        self.condemn("closed")
        await self.driver.stop()
        if not await self.leash.gone(GONE_SECONDS):
            self._log.error("processes of the browser survive SIGKILL", generation=self.number)
        await self._threads.run(shutil.rmtree, self._directory, ignore_errors=True)

    def _lost(self) -> Lost:
        return Lost(f"the browser ended ({self.reason})", reason="browser_crashed")

    def _look_for_stopped(self, members: list[Process]) -> bool:
        """A process that is stopped (SIGSTOP) at two beats in a row will not go on by itself."""
        stopped = [process for process in members if process.state == "T"]
        for process in stopped:
            if process.pid not in self._stopped:
                continue
            if is_renderer(process):
                kill(process)
            else:
                self.condemn("frozen")
        self._stopped = {process.pid for process in stopped}
        return bool(stopped)

    def _look_for_greedy(self, members: list[Process]) -> None:
        total = 0
        for process in members:
            mib = memory_mib(process)
            total += mib
            if mib > self._settings.max_page_memory_mib and is_renderer(process):
                self._log.warning("page killed for its memory", pid=process.pid, mib=mib)
                self._killed_for_memory_at = asyncio.get_running_loop().time()
                kill(process)
        if total > self._settings.max_browser_memory_mib:
            self.wear_out("memory")
