"""How many fetches run at once: all together, and against one host."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class FetchLimits:
    """Slots for fetches; who waits for a slow host holds none of the common slots meanwhile."""

    def __init__(self, *, concurrency: int, per_host: int) -> None:
        self._all = asyncio.Semaphore(concurrency)
        self._per_host = per_host
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def slot(self, host: str) -> AsyncIterator[None]:
        """Wait for a turn at *host* ("" is no host), then for a common slot."""
        if not host:
            async with self._all:
                yield
            return
        entry = self._hosts.get(host)
        if entry is None:
            entry = self._hosts[host] = _Host(asyncio.Semaphore(self._per_host))
        entry.users += 1
        try:
            async with entry.turns, self._all:
                yield
        finally:
            entry.users -= 1
            if not entry.users:
                self._hosts.pop(host, None)


class _Host:
    __slots__ = ("turns", "users")

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self.turns = turns
        self.users = 0
