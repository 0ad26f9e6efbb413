"""Starting one browser, whole or not at all."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from repaintd_chromium.driver import Driver
from repaintd_chromium.faults import StartFailed, first_line
from repaintd_chromium.generation import Generation
from repaintd_chromium.leash import Leash
from repaintd_chromium.pages import Pages
from repaintd_chromium.sandbox import NO_FILTER, why_not_sandboxed
from repaintd_chromium.wrapper import browser_script, clean_environment, write_scripts

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Playwright

    from repaintd_chromium.chores import Chores
    from repaintd_chromium.generation import Draw
    from repaintd_chromium.settings import ChromiumSettings
    from repaintd_chromium.threads import Threads

START_SECONDS: Final = 20.0
LOOKS: Final = 20
LOOK_PAUSE: Final = 0.25

BLINK_SETTINGS: Final = (
    "primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4,"
    "imageAnimationPolicy=2"
)
ARGUMENTS: Final = (
    # a picture is decoded before it is shown, not in the frame after
    "--disable-checker-imaging",
    # Playwright's own value, and animated pictures show their first frame; the last one wins
    f"--blink-settings={BLINK_SETTINGS}",
    # for a machine without network namespaces: nothing resolves, nothing connects, no STUN
    "--proxy-server=http://nowhere.invalid:9",
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)
# Playwright switches off what keeps `for (;;) location = …` from flooding the browser
NOT_WANTED: Final = ("--disable-ipc-flooding-protection",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How browsers are started here.

    Attributes:
        directory: where each of them gets a directory of its own.
        sandboxed: without network and in Chromium's sandbox, and proven to be.
    """

    browser: Path
    directory: Path
    sandboxed: bool
    settings: ChromiumSettings


class Launcher:
    """Starts browsers, one generation after the other."""

    def __init__(self, recipe: Recipe, *, chores: Chores, threads: Threads, log: Any) -> None:
        self._recipe = recipe
        self._chores = chores
        self._threads = threads
        self._log = log

    async def start(self, number: int) -> Generation:
        """Start the browser with that number and prove that it draws.

        Raises:
            StartFailed: it did not, and nothing of it is left.
        """
        directory = self._recipe.directory / f"generation-{number}"
        generation = await self._threads.run(self._prepare, number, directory)
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._bring_up(generation, directory)
        except BaseException as error:
            await asyncio.shield(generation.close())
            if isinstance(error, Exception):
                raise self._failed(error) from error
            raise
        return generation

    def _prepare(self, number: int, directory: Path) -> Generation:
        if number == 1:  # what a daemon that was killed left behind
            for stale in self._recipe.directory.glob("generation-*"):
                shutil.rmtree(stale, ignore_errors=True)
        directory.mkdir(mode=0o700, parents=True)
        home = self._recipe.directory / "home"  # kept: it holds the cache of fonts
        home.mkdir(mode=0o700, exist_ok=True)
        pid_file = directory / "browser.pid"
        script = browser_script(self._recipe.browser, pid_file, sandboxed=self._recipe.sandboxed)
        write_scripts([(directory / "browser", script)])
        driver = Driver(directory, clean_environment(home, directory, os.environ))
        return Generation(
            number=number,
            directory=directory,
            driver=driver,
            leash=Leash(driver=driver.pid_file, browser=pid_file),
            settings=self._recipe.settings,
            threads=self._threads,
            log=self._log,
        )

    async def _bring_up(self, generation: Generation, directory: Path) -> None:
        playwright = await generation.driver.start()
        await self._launch(playwright, generation, directory)
        await generation.prove(lambda draw: self._prove_sandbox(generation, draw))

    async def _launch(
        self, playwright: Playwright, generation: Generation, directory: Path
    ) -> None:
        home = self._recipe.directory / "home"
        browser = await playwright.chromium.launch(
            executable_path=directory / "browser",
            chromium_sandbox=self._recipe.sandboxed,
            args=list(ARGUMENTS),
            ignore_default_args=list(NOT_WANTED),
            env=dict(clean_environment(home, directory, os.environ)),
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
            timeout=START_SECONDS * 1000,
        )
        settings = self._recipe.settings
        pages = Pages(
            browser,
            max_warm=settings.max_warm_pages,
            recycle_after=settings.recycle_page_after,
            chores=self._chores,
            on_stuck=lambda: generation.condemn("stuck"),
            log=self._log,
        )
        generation.attach(browser, await browser.new_browser_cdp_session(), pages)

    async def _prove_sandbox(self, generation: Generation, draw: Draw) -> None:
        if not self._recipe.sandboxed:
            return
        looks = 0
        while why := await self._threads.run(self._why_open, generation):
            await draw()  # fails when it has died meanwhile, and then nothing of it was open
            looks += 1
            if why != NO_FILTER or looks == LOOKS:
                raise StartFailed(f"the browser is not locked in: {why}", unlocked=True)
            await asyncio.sleep(LOOK_PAUSE)

    def _why_open(self, generation: Generation) -> str:
        return why_not_sandboxed(generation.leash.members())

    def _failed(self, error: Exception) -> StartFailed:
        if isinstance(error, StartFailed):
            return error
        unlocked = "No usable sandbox" in str(error)
        if unlocked:
            said = "its sandbox cannot be set up here"
        elif isinstance(error, TimeoutError):
            said = f"it was not ready within {START_SECONDS:.0f} s"
        else:
            said = first_line(error)
        return StartFailed(f"{self._recipe.browser} does not start: {said}", unlocked=unlocked)
