"""The pages of one browser: those in use, and the warm ones that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from repaintd_chromium.page import WarmPage, key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.async_api import Browser

    from repaintd.plugin import RenderJob
    from repaintd_chromium.chores import Chores
    from repaintd_chromium.fuse import Fuse

CLOSE_SECONDS: Final = 3.0


class Pages:
    """Hands out pages by template and size; the longest unused ones are closed first."""

    def __init__(
        self,
        browser: Browser,
        *,
        max_warm: int,
        recycle_after: int,
        chores: Chores,
        on_stuck: Callable[[], None],
        log: Any,
    ) -> None:
        self._browser = browser
        self._max_warm = max_warm
        self._recycle_after = recycle_after
        self._chores = chores
        self._on_stuck = on_stuck
        self._log = log
        self._idle: list[WarmPage] = []

    async def take(self, job: RenderJob, fuse: Fuse) -> WarmPage:
        """A page for *job* that nobody else draws in; warm if there is one."""
        key = key_of(job)
        for page in reversed(self._idle):
            if page.key == key:
                self._idle.remove(page)
                return page
        page = WarmPage(key, job.template, self._log)
        try:
            await page.open(self._browser, fuse)
        except BaseException:
            self.discard(page)
            raise
        return page

    def give_back(self, page: WarmPage) -> None:
        """Keep the page warm for the next drawing, unless it has served its time."""
        if not page.usable or page.renders >= self._recycle_after:
            self.discard(page)
            return
        self._idle.append(page)
        while len(self._idle) > self._max_warm:
            self.discard(self._idle.pop(0))

    def discard(self, page: WarmPage) -> None:
        """Close the page in the background; one that does not close condemns the browser."""
        self._chores.add(
            page.close, name="close page", seconds=CLOSE_SECONDS, otherwise=self._on_stuck
        )
