"""How many fetches run at once: all together, and against one host."""

from __future__ import annotations

import asyncio


class FetchLimits:
    """Slots for fetches.

    Who waits for a slow host holds none of the common slots meanwhile. Bindings that fail leave one
    slot of their host free: sources that hang take the turns of none that answers.
    """

    def __init__(self, *, concurrency: int, per_host: int) -> None:
        self._all = asyncio.Semaphore(concurrency)
        self._per_host = per_host
        self._hosts: dict[str, _Host] = {}

    async def take(self, host: str, *, failing: bool = False) -> None:
        """Wait for a turn at *host* ("" is no host), then for a common slot."""
        entry = self._hosts.get(host)
        if entry is None:
            entry = self._hosts[host] = _Host(self._per_host)
        entry.users += 1
        taken: list[asyncio.Semaphore] = []
        try:
            for turns in (*entry.turns(host, failing=failing), self._all):
                await turns.acquire()
                taken.append(turns)
        except asyncio.CancelledError:
            self._give(host, entry, taken)
            raise

    def give(self, host: str, *, failing: bool = False) -> None:
        """End what `take` began."""
        entry = self._hosts[host]
        self._give(host, entry, [*entry.turns(host, failing=failing), self._all])

    def _give(self, host: str, entry: _Host, taken: list[asyncio.Semaphore]) -> None:
        for turns in taken:
            turns.release()
        entry.users -= 1
        if not entry.users:  # forget hosts that nobody asks any more
            del self._hosts[host]


class _Host:
    __slots__ = ("_all", "_failing", "users")

    def __init__(self, turns: int) -> None:
        self._all = asyncio.Semaphore(turns)
        self._failing = asyncio.Semaphore(max(1, turns - 1))
        self.users = 0

    def turns(self, host: str, *, failing: bool) -> tuple[asyncio.Semaphore, ...]:
        """What a fetch has to wait for, in this order."""
        if not host:
            return ()
        return (self._failing, self._all) if failing else (self._all,)
