"""Delivers to a sink without a schedule of retries: all events in order, each until it works.

For receivers that are there or not as a whole, like a broker: nothing is written to the outbox,
since the history keeps what waits.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NoReturn

from repaintd.core.backoff import GROWING_LEAST, growing
from repaintd.runtime.delivery_attempt import attempt
from repaintd.runtime.sink_gate import Gate
from repaintd.runtime.sink_ledger import SinkLedger

if TYPE_CHECKING:
    from repaintd.core.event import StoredEvent
    from repaintd.runtime.delivery_attempt import Attempt
    from repaintd.runtime.sink_parts import SinkParts

AHEAD: Final = 256


class StreamRunner:
    """Implements `repaintd.runtime.sink_parts.SinkRunner`."""

    def __init__(self, parts: SinkParts) -> None:
        self._parts = parts
        self._ledger = SinkLedger(parts)
        self._gate = Gate(parts.sink, self._ledger)
        self.poke, self.stop, self.idle = self._gate.poke, self._gate.stop, self._gate.idle

    async def open(self, born_at: int) -> None:
        """Take over what is remembered of the sink."""
        await self._ledger.open(born_at)
        self.gauge()

    async def serve(self) -> NoReturn:
        """Deliver until cancelled."""
        history = self._parts.history
        while True:
            await self._gate.passed()
            await history.wait(self._position)
            events = await self._ledger.insist(
                lambda: history.read(self._position, AHEAD), "reading the history"
            )
            first = events[0].position if events else history.latest + 1
            if first > self._position + 1:
                self._ledger.lost(first - self._position - 1)
                self._ledger.note(first - 1)
            for event in events:
                await self._tell(event)

    def gauge(self) -> None:
        """Tell how much is still to be delivered."""
        pending = max(0, self._parts.events.latest - self._position)
        self._parts.metrics.set_pending(self._parts.name, pending)

    async def resume(self) -> None:
        """Make the sink active again."""
        if await self._ledger.resume():
            self.poke()

    async def replay(self, event: StoredEvent) -> bool:
        """Never: what is behind the cursor is not sent again out of order."""
        return event.position > self._position and self._ledger.wants(event)

    @property
    def _position(self) -> int:
        return self._ledger.record.cursor

    async def _tell(self, event: StoredEvent) -> None:
        """Until it works."""
        failures = 0
        while self._ledger.wants(event):
            await self._gate.passed()
            made = await self._attempt(event)
            if not made.error:
                break
            failures += 1
            if self._ledger.active:
                await asyncio.sleep(self._pause(failures, made))
        self._ledger.note(event.position)
        self.gauge()

    def _pause(self, failures: int, made: Attempt) -> float:
        """Seconds to the next attempt; from the beginning of the last one, unless it was asked for.

        So a sink whose attempts wait for its broker to come back does not then wait for us as well.
        """
        asked = made.retry_after
        pause = growing(failures, dice=self._parts.dice(), retry_after=asked)
        return pause if asked is not None else max(GROWING_LEAST, pause - made.seconds)

    async def _attempt(self, event: StoredEvent) -> Attempt:
        """Once, and remember what came of it."""
        self._gate.begin()
        try:
            made = await attempt(
                self._parts.sink, event, clock=self._parts.clock, log=self._parts.log
            )
            if not made.error:
                await self._ledger.succeeded()
                self._ledger.recovered()
                return made
            self._ledger.failed(event, made.error)
            if made.gone:
                await self._ledger.give_up("the receiver wants no more events", made.error)
            return made
        finally:
            self._gate.end()
