"""A deadline that can be brought forward."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from repaintd_chromium.faults import Lost


class Fuse:
    """Ends a block at its deadline, or at once when what the block stands on is lost.

    Needed because a call to a page whose process was killed is never answered, and a call to a
    stopped driver is not even timed out by Playwright.
    """

    def __init__(self, deadline: float) -> None:
        self._timeout = asyncio.timeout_at(deadline)
        self._burning = False
        self.deadline = deadline
        self.lost: Lost | None = None

    @property
    def remaining(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.deadline - asyncio.get_running_loop().time())

    def blow(self, lost: Lost) -> None:
        """End the block now, with *lost*; the first cause wins."""
        if self.lost is not None:
            return
        self.lost = lost
        if self._burning and not self._timeout.expired():
            self._timeout.reschedule(asyncio.get_running_loop().time())

    async def __aenter__(self) -> Self:
        if self.lost is not None:
            raise self.lost
        await self._timeout.__aenter__()
        self._burning = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._burning = False
        try:
            await self._timeout.__aexit__(kind, error, traceback)
        except TimeoutError:
            if self.lost is not None:
                raise self.lost from None
            raise
        if self.lost is not None and isinstance(error, Exception):
            raise self.lost from error
