"""Finds events again of which only the position was kept in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from repaintd.core.event import StoredEvent
    from repaintd.runtime.history import History
    from repaintd.runtime.sink_ledger import SinkLedger

AHEAD: Final = 256


class ParkedEvents:
    """The events behind outbox entries: from the history, and from the outbox when too old."""

    def __init__(self, history: History, ledger: SinkLedger) -> None:
        self._history = history
        self._ledger = ledger
        self._ahead: dict[int, StoredEvent] = {}

    async def at(self, position: int) -> StoredEvent | None:
        """The event at that position; None when its entry is gone, too."""
        if position in self._ahead:
            return self._ahead.pop(position)
        found = await self._ledger.insist(
            lambda: self._history.read(position - 1, 1), "reading an event again"
        )
        if found and found[0].position == position:
            return found[0]
        return await self._from_outbox(position)

    async def _from_outbox(self, position: int) -> StoredEvent | None:
        """All entries are read for one, so some of the next are kept, too."""
        entries = await self._ledger.owed()
        later = [e.event for e in entries if not e.dead and e.event.position >= position]
        self._ahead = {event.position: event for event in later[:AHEAD]}
        return self._ahead.pop(position, None)
