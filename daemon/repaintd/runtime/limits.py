"""How many fetches run at once: all together, and against one host."""

from __future__ import annotations

import asyncio


class FetchLimits:
    """Slots for fetches; who waits for a slow host holds none of the common slots meanwhile."""

    def __init__(self, *, concurrency: int, per_host: int) -> None:
        self._all = asyncio.Semaphore(concurrency)
        self._per_host = per_host
        self._hosts: dict[str, _Host] = {}

    async def take(self, host: str) -> None:
        """Wait for a turn at *host* ("" is no host), then for a common slot."""
        entry = self._hosts.get(host)
        if entry is None:
            entry = self._hosts[host] = _Host(self._per_host)
        entry.users += 1
        try:
            if host:
                await entry.turns.acquire()
        except asyncio.CancelledError:
            self._leave(host, entry)
            raise
        try:
            await self._all.acquire()
        except asyncio.CancelledError:
            self._give_turn(host, entry)
            raise

    def give(self, host: str) -> None:
        """End what `take` began."""
        self._all.release()
        self._give_turn(host, self._hosts[host])

    def _give_turn(self, host: str, entry: _Host) -> None:
        if host:
            entry.turns.release()
        self._leave(host, entry)

    def _leave(self, host: str, entry: _Host) -> None:
        """Forget hosts that nobody asks any more."""
        entry.users -= 1
        if not entry.users:
            del self._hosts[host]


class _Host:
    __slots__ = ("turns", "users")

    def __init__(self, turns: int) -> None:
        self.turns = asyncio.Semaphore(turns)
        self.users = 0
