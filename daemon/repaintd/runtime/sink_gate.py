"""Whether a sink may be told of anything just now."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from repaintd.core.ports import EventSink
    from repaintd.runtime.sink_ledger import SinkLedger

HELD_FOR: Final = 60.0  # seconds; nobody tells when a sink is not held any more


class Gate:
    """Open while the sink is neither held, nor given up, nor the daemon about to stop.

    Attributes:
        running: attempts under way.
    """

    def __init__(self, sink: EventSink, ledger: SinkLedger) -> None:
        self._sink = sink
        self._ledger = ledger
        self._stopped = False
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.running = 0

    @property
    def open(self) -> bool:
        """Whether attempts may begin."""
        return self._ledger.active and not self._stopped and not self._sink.held

    def stop(self) -> None:
        """Close it for good."""
        self._stopped = True
        self.poke()

    def poke(self) -> None:
        """Wake all who wait for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self, seconds: float | None = None) -> None:
        """Wait for the next poke; not much longer than *seconds*, and not for ever while held."""
        if seconds is None and self._sink.held:
            seconds = HELD_FOR
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def passed(self) -> None:
        """Wait until it is open."""
        while not self.open:
            await self.changed()

    def begin(self) -> None:
        """An attempt is under way."""
        self.running += 1
        self._idle.clear()

    def end(self) -> None:
        """An attempt has ended, and is remembered."""
        self.running -= 1
        if not self.running:
            self._idle.set()
        self.poke()

    async def idle(self) -> None:
        """Wait until no attempt is under way."""
        await self._idle.wait()
