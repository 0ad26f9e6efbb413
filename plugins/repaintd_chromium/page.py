"""One page of the browser, kept warm for one template."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from repaintd.plugin import ImageFormat
from repaintd_chromium.capture import CLEAR, capture
from repaintd_chromium.faults import Lost, first_line
from repaintd_chromium.routes import AssetDesk
from repaintd_chromium.scripts import REPEATABLE, SETTLE, STAY_OPEN

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from playwright.async_api import Browser, BrowserContext, CDPSession, Error, Frame, Page

    from repaintd.plugin import RenderJob, Template
    from repaintd_chromium.fuse import Fuse

SETTLE_SECONDS: Final = 5.0
SETTLE_SHARE: Final = 0.6  # of what is left of the job's time, so that something is drawn at all
BLANK: Final = "<!doctype html><title></title>"

# the instant at which time stands still for scripts of templates that are not `volatile`, and
# the milliseconds that their timers and animation frames are then wound on
FROZEN_AT: Final = "2000-01-01T00:00:00Z"
WIND_ON_MS: Final = 1000
WINDINGS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PageKey:
    """What two drawings must share to be made in the same page."""

    template_id: str
    fingerprint: str
    width: int
    height: int
    scale: float
    javascript: bool


def key_of(job: RenderJob) -> PageKey:
    """The key of the page that *job* is drawn in."""
    return PageKey(
        template_id=job.template.id,
        fingerprint=job.template.fingerprint,
        width=job.width,
        height=job.height,
        scale=job.scale,
        javascript=job.template.javascript,
    )


class WarmPage:
    """A page in a context of its own, so that no template can see another's storage.

    Without scripts the page stays where it is and only its document is replaced. With scripts
    it is used once: nothing of one drawing may show in the next.
    """

    def __init__(self, key: PageKey, template: Template, log: Any) -> None:
        self.key = key
        self.renders = 0
        self._template = template
        self._log = log
        self._desk = AssetDesk(template, on_stray=self._stray)
        self._fuse: Fuse | None = None
        self._lost: Lost | None = None
        self._loaded = asyncio.Event()
        self._clear = False
        self._told_late = False
        self._in_place = False
        self._frame = ""
        self._context: BrowserContext
        self._page: Page
        self._session: CDPSession

    @property
    def usable(self) -> bool:
        """Whether another drawing may be made in it."""
        return self._lost is None and not self.key.javascript

    async def open(self, browser: Browser, fuse: Fuse) -> None:
        """Open context, page and session; the caller's *fuse* holds the deadline."""
        self._fuse = fuse
        self._context = await browser.new_context(
            viewport={"width": self.key.width, "height": self.key.height},
            device_scale_factor=self.key.scale,
            java_script_enabled=self.key.javascript,
            service_workers="block",
            accept_downloads=False,
        )
        await self._context.route("**/*", self._desk.answer)
        if self.key.javascript:
            await self._hold_still()
        self._page = await self._context.new_page()
        self._page.on("crash", self._crashed)
        self._page.on("framenavigated", self._navigated)
        self._page.on("pageerror", self._script_failed)
        self._session = await self._context.new_cdp_session(self._page)
        await self._emulate()
        self._session.on("Page.loadEventFired", lambda _event: self._loaded.set())
        await self._session.send("Page.enable")
        if not self.key.javascript:
            await self._warm_up()

    async def close(self) -> None:
        """Close the context and everything in it; the caller holds the deadline."""
        if hasattr(self, "_context"):
            await self._context.close()

    async def draw(self, job: RenderJob, fuse: Fuse) -> bytes:
        """Draw *job* and take its picture; the caller's *fuse* holds the deadline."""
        self._fuse = fuse
        if self._lost is not None:
            raise self._lost
        try:
            await self._set_background(job)
            if self.key.javascript:
                await self._navigate(job, fuse)
            else:
                await self._replace(job, fuse)
            return await capture(self._session, job)
        finally:
            self.renders += 1
            self._fuse = None
            self._tell_refused()

    async def _hold_still(self) -> None:
        await self._context.add_init_script(STAY_OPEN)
        if not self._template.volatile:
            await self._context.add_init_script(REPEATABLE)
            # alone: after `install`, the time that passes until this call would be seen
            await self._context.clock.pause_at(FROZEN_AT)

    async def _emulate(self) -> None:
        # Playwright told its own session so, but a picture is taken as this session sees the page
        metrics = {
            "width": self.key.width,
            "height": self.key.height,
            "deviceScaleFactor": self.key.scale,
            "mobile": False,
        }
        await self._session.send("Emulation.setDeviceMetricsOverride", metrics)
        # otherwise a PDF is laid out by a template's print styles, unlike all other formats
        await self._session.send("Emulation.setEmulatedMedia", {"media": "screen"})

    async def _warm_up(self) -> None:
        await self._page.goto(self._desk.lay_out(BLANK), timeout=0)
        tree = await self._session.send("Page.getFrameTree")
        self._frame = tree["frameTree"]["frame"]["id"]

    async def _replace(self, job: RenderJob, fuse: Fuse) -> None:
        self._loaded.clear()
        document = {"frameId": self._frame, "html": _clean(job.markup)}
        await self._session.send("Page.setDocumentContent", document)
        await self._in_time(fuse, self._settle_loaded())

    async def _navigate(self, job: RenderJob, fuse: Fuse) -> None:
        self._loaded.clear()
        url = self._desk.lay_out(_clean(job.markup))
        await self._page.goto(url, wait_until="commit", timeout=0)
        await self._in_time(fuse, self._settle_loaded())
        if not self._template.volatile:
            for _ in range(WINDINGS):  # what a picture or a fetch started may need time again
                await self._page.clock.run_for(WIND_ON_MS)
                await self._in_time(fuse, self._settle())

    async def _settle_loaded(self) -> None:
        await self._loaded.wait()
        await self._settle()

    async def _settle(self) -> None:
        expression = {"expression": SETTLE, "awaitPromise": True, "returnByValue": True}
        await self._session.send("Runtime.evaluate", expression)

    async def _in_time(self, fuse: Fuse, settling: Coroutine[Any, Any, None]) -> None:
        """Draw without what does not load: a part of the job's time is all that is given to it."""
        seconds = min(SETTLE_SECONDS, fuse.remaining * SETTLE_SHARE)
        try:
            async with asyncio.timeout(seconds):
                await settling
        except TimeoutError:
            if not self._told_late and self._lost is None:
                self._told_late = True
                self._log.warning(
                    "drawn before its fonts and pictures were there",
                    template=self._template.id,
                    waited_seconds=round(seconds, 1),
                )

    async def _set_background(self, job: RenderJob) -> None:
        clear = self._template.transparent and job.format in {ImageFormat.PNG, ImageFormat.WEBP}
        if clear != self._clear:
            override = CLEAR if clear else {}
            await self._session.send("Emulation.setDefaultBackgroundColorOverride", override)
            self._clear = clear

    def _crashed(self, _page: Page) -> None:
        self._lose(Lost("the page's process ended", reason="page_crashed"))

    def _script_failed(self, error: Error) -> None:
        self._log.debug(
            "a script of the template failed",
            template=self._template.id,
            error=first_line(error),
        )

    def _stray(self, url: str) -> None:
        if self.key.javascript:
            self._lose(_strayed(url))

    def _navigated(self, frame: Frame) -> None:
        if frame.parent_frame is not None:
            return
        if frame.url.startswith(f"{self._desk.origin}/"):
            self._in_place = True
        elif self._in_place:
            self._lose(_strayed(frame.url))

    def _lose(self, lost: Lost) -> None:
        self._lost = self._lost or lost
        if self._fuse is not None:
            self._fuse.blow(lost)

    def _tell_refused(self) -> None:
        if self._desk.refused:
            self._log.debug(
                "the page asked for things that are not in its folder",
                template=self._template.id,
                **self._desk.describe_refused(),
            )


def _strayed(url: str) -> Lost:
    return Lost(
        f"the template tried to leave its page for {url[:100]!r}; a template must stay in place",
        reason="navigation",
        again=False,
    )


def _clean(markup: str) -> str:
    """The text without lone surrogates, which no wire format can carry."""
    return markup.encode("utf-8", "replace").decode()
