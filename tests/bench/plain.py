"""Drawing as one would without repaintd: a warm page of plain Playwright, or bare CDP in it."""

from __future__ import annotations

import asyncio
import base64
import itertools
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playwright.async_api import async_playwright

from repaintd_chromium.lookup import find_browser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from playwright.async_api import Browser, CDPSession, Page

    Draw = Callable[[str], Awaitable[bytes]]

WIDTH, HEIGHT = 1200, 630


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """The Chromium that the daemon would find, as Playwright starts it by default."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_browser("auto"))
        try:
            yield browser
        finally:
            await browser.close()


async def warm_page(browser: Browser, origin: str) -> Page:
    """A page of the card's size that stays open, at home where the fonts are, which it caches."""
    page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    await page.goto(origin)
    return page


def by_playwright(page: Page, kind: str) -> Draw:
    """`page.set_content` and `page.screenshot`, which waits for fonts by itself."""

    async def draw(markup: str) -> bytes:
        await page.set_content(markup)
        if kind == "png":
            return await page.screenshot(type="png")
        return await page.screenshot(type="jpeg", quality=90)

    return draw


@dataclass(frozen=True, slots=True)
class BareCdp:
    """`Page.setDocumentContent` and `Page.captureScreenshot`: nothing else.

    Nothing waits for fonts; with the page's cache warm they are there in time.
    """

    session: CDPSession
    frame: str

    async def draw(self, markup: str, *, kind: str = "jpeg", fast: bool) -> bytes:
        """A PNG, or a JPEG of quality 90; *fast* is `optimizeForSpeed`."""
        send = self.session.send
        await send("Page.setDocumentContent", {"frameId": self.frame, "html": markup})
        how: dict[str, Any] = {"format": kind, "optimizeForSpeed": fast}
        if kind == "jpeg":
            how["quality"] = 90
        shot = await send("Page.captureScreenshot", how)
        return base64.b64decode(shot["data"])


async def bare_cdp(page: Page) -> BareCdp:
    """A CDP session in the page."""
    session = await page.context.new_cdp_session(page)
    tree = await session.send("Page.getFrameTree")
    return BareCdp(session, tree["frameTree"]["frame"]["id"])


async def drawing_rate(draws: Sequence[Draw], markups: Sequence[str], seconds: float) -> float:
    """Pictures a second when all *draws* draw without pause, another picture each time."""
    done = 0
    following = itertools.cycle(markups)
    started = time.perf_counter()

    async def keep_drawing(draw: Draw) -> None:
        nonlocal done
        while time.perf_counter() - started < seconds:
            await draw(next(following))
            done += 1

    await asyncio.gather(*map(keep_drawing, draws))
    return done / (time.perf_counter() - started)
