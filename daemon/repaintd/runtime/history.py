"""The latest events in memory, for everybody who follows them.

Sinks and streams read through one bounded ring that is fed by one database read per batch of new
events, however many they are. Who is further behind reads the database; nothing is kept for him.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NoReturn

from repaintd.core.backoff import growing
from repaintd.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.core.event import StoredEvent
    from repaintd.core.ports import EventLog

RING: Final = 1_000
RING_BYTES: Final = 8 * 1024 * 1024
BATCH: Final = 500
_RETRY_MOST: Final = 30.0


class History:
    """The durable events as their readers see them: a cursor each, and nothing else.

    Args:
        events: the durable history.
        log: a structlog logger.
        ring: most events that are kept in memory.
        ring_bytes: most bytes of bodies that are kept in memory; the latest event always is.
        dice: gives random numbers in [0, 1).
    """

    def __init__(
        self,
        events: EventLog,
        *,
        log: Any,
        ring: int = RING,
        ring_bytes: int = RING_BYTES,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._events = events
        self._log = log
        self._most = max(1, ring)
        self._most_bytes = ring_bytes
        self._dice = dice
        self._ring: deque[StoredEvent] = deque()
        self._bytes = 0
        self._latest = events.latest
        self._behind = asyncio.Event()
        self._changed = asyncio.Event()
        events.on_events(self._behind.set)

    @property
    def latest(self) -> int:
        """Position of the latest event that readers can have; 0 before the first."""
        return self._latest

    async def read(self, after: int, limit: int = 100) -> list[StoredEvent]:
        """Events behind the cursor *after*, oldest first; empty where there is none.

        A first position beyond `after + 1` tells that events between are not kept any more.

        Raises:
            StoreUnavailable: they are too old for memory, and cannot be read just now.
        """
        if after >= self._latest or limit < 1:
            return []
        if self._ring and after >= self._ring[0].position - 1:
            start = after + 1 - self._ring[0].position
            return list(islice(self._ring, start, start + limit))
        return await self._events.events(after, limit)

    async def wait(self, after: int) -> None:
        """Return when there is an event behind the cursor *after*; at once if there is one."""
        while self._latest <= after:
            await self._changed.wait()

    async def serve(self) -> NoReturn:
        """Keep the ring fed, for ever. Run it as a named task."""
        failures = 0
        while True:
            await self._behind.wait()
            self._behind.clear()
            try:
                await self._catch_up()
            except StoreUnavailable as exc:
                failures += 1
                if failures == 1:
                    self._log.error("new events cannot be read; trying again", error=str(exc))
                await asyncio.sleep(growing(failures, dice=self._dice(), most=_RETRY_MOST))
                self._behind.set()
            else:
                if failures:
                    self._log.info("new events can be read again", failures=failures)
                failures = 0

    async def _catch_up(self) -> None:
        while (durable := self._events.latest) > self._latest:
            batch = await self._events.events(self._latest, BATCH)
            if batch:
                self._add(batch)
            else:  # all of them pruned in the meantime
                self._ring.clear()
                self._bytes = 0
                self._move(durable)

    def _add(self, batch: list[StoredEvent]) -> None:
        if batch[0].position != self._latest + 1:  # the ring has no holes
            self._ring.clear()
            self._bytes = 0
        self._ring.extend(batch)
        self._bytes += sum(len(event.body) for event in batch)
        while len(self._ring) > self._most or (
            self._bytes > self._most_bytes and len(self._ring) > 1
        ):
            self._bytes -= len(self._ring.popleft().body)
        self._move(batch[-1].position)

    def _move(self, latest: int) -> None:
        self._latest = latest
        self._changed.set()
        self._changed = asyncio.Event()
