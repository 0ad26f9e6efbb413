"""Reads the history for one sink: what it wants goes into its lanes, a bounded number ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from repaintd.core.delivery import OutboxEntry
from repaintd.runtime.lanes import Parked

if TYPE_CHECKING:
    from repaintd.core.event import StoredEvent
    from repaintd.runtime.history import History
    from repaintd.runtime.lanes import Lanes
    from repaintd.runtime.sink_dead import DeadLetters
    from repaintd.runtime.sink_gate import Gate
    from repaintd.runtime.sink_ledger import SinkLedger

FRESH_MOST: Final = 256
PARKED_MOST: Final = 10_000


class SinkReader:
    """Moves through the history while there is room.

    Attributes:
        position: events up to here were read.
    """

    def __init__(
        self,
        history: History,
        *,
        ledger: SinkLedger,
        lanes: Lanes,
        dead: DeadLetters,
        gate: Gate,
        log: Any,
    ) -> None:
        self._history = history
        self._ledger = ledger
        self._lanes = lanes
        self._dead = dead
        self._gate = gate
        self._log = log
        self._said = False
        self.position = 0

    def begin(self, cursor: int) -> None:
        """Read on behind the cursor."""
        self.position = cursor
        self._lanes.reached(cursor)

    async def read_on(self) -> None:
        """Wait until there is something to read and room for it, and read it once."""
        while not self._may_read():
            await self._gate.changed()
        await self._history.wait(self.position)
        if not self._may_read():  # that may have taken days
            return
        limit = FRESH_MOST - self._lanes.fresh
        events = await self._ledger.insist(
            lambda: self._history.read(self.position, limit), "reading the history"
        )
        self._count_lost(events[0].position if events else self._history.latest + 1)
        await self._take(events)

    def advance(self) -> None:
        """Note how far everything is delivered, dead, unwanted or in the outbox."""
        first = self._lanes.first_fresh
        self._ledger.note(self.position if first is None else first - 1)

    def _may_read(self) -> bool:
        waiting = self._lanes.parked
        if waiting >= PARKED_MOST and not self._said:
            self._said = True
            self._log.error(
                "too many events wait for this sink; no more are read until some are delivered",
                waiting=waiting,
            )
        elif not waiting:
            self._said = False
        room = waiting < PARKED_MOST or self._lanes.unreached
        return room and self._lanes.fresh < FRESH_MOST and self._gate.open

    def _count_lost(self, first: int) -> None:
        """What lies between here and the first event that is kept is gone, if no entry has it."""
        gap = first - self.position - 1
        if gap > 0:
            known = self._lanes.parked_between(self.position, first)
            lost = gap - known - self._dead.between(self.position, first)
            if lost > 0:
                self._ledger.lost(lost)
            self.position = first - 1

    async def _take(self, events: list[StoredEvent]) -> None:
        behind = []
        for event in events:
            self.position = event.position
            known = self._lanes.is_parked(event.position) or event.position in self._dead
            if known or not self._ledger.wants(event):
                continue
            if self._lanes.blocked(event.uid):
                self._lanes.expect(event.position)
                behind.append(event)
            else:
                self._lanes.add(event)
        self._gate.poke()
        self.advance()
        if behind:
            await self._park(behind)
        self._lanes.reached(self.position)
        self._gate.poke()

    async def _park(self, events: list[StoredEvent]) -> None:
        await self._ledger.keep_owed(
            [OutboxEntry(sink=self._ledger.record.name, event=event) for event in events]
        )
        for event in events:
            self._lanes.park(event.uid, [Parked(event.position)])
        self.advance()
