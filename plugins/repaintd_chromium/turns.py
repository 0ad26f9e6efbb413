"""Who draws next: a few at a time, in the order they came, and not too many waiting."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from repaintd.plugin import RenderFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from prometheus_client import Gauge


class Turns:
    """At most *at_once* draw and at most *max_waiting* wait; *depth* shows how many wait."""

    def __init__(self, *, at_once: int, max_waiting: int, depth: Gauge) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._max_waiting = max_waiting
        self._waiting = 0
        self._depth = depth

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it.

        Raises:
            RenderFailed: too many wait already (`overloaded`).
        """
        if self._waiting >= self._max_waiting:
            raise RenderFailed(
                f"{self._waiting} renders wait already; raise plugins.chromium.maxWaiting,"
                " render.pages or the bindings' ttlSeconds",
                reason="overloaded",
            )
        self._count(1)
        try:
            await self._free.acquire()
        finally:
            self._count(-1)
        try:
            yield
        finally:
            self._free.release()

    def _count(self, step: int) -> None:
        self._waiting += step
        self._depth.set(self._waiting)
