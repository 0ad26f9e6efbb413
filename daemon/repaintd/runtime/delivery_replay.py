"""Finds the event behind an id that somebody wants delivered once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repaintd.core.delivery import delivery_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from repaintd.core.event import StoredEvent
    from repaintd.core.ports import EventLog, Outbox
    from repaintd.runtime.history import History


class Replays:
    """Looks in the delivery log, the history and the outbox, in this order."""

    def __init__(self, *, history: History, events: EventLog, outbox: Outbox) -> None:
        self._history = history
        self._events = events
        self._outbox = outbox

    async def find(self, wanted: str, sinks: Iterable[str]) -> dict[str, StoredEvent]:
        """What to deliver to which sinks: one for a delivery's id, all for an event's id.

        Args:
            wanted: id of a delivery or of an event.
            sinks: all that there are.

        Raises:
            StoreUnavailable: it cannot be looked up just now.
        """
        names = tuple(sinks)
        event = await self._event(await self._events.position_of(wanted), wanted)
        if event is not None:
            return dict.fromkeys(names, event)
        for record in await self._outbox.delivery(wanted):
            event = await self._event(record.position, record.event_id)
            if event is not None and record.id == wanted and record.sink in names:
                return {record.sink: event}
        return await self._owed(wanted, names)

    async def _event(self, position: int | None, event_id: str) -> StoredEvent | None:
        if position is None:
            return None
        found = await self._history.read(position - 1, 1)
        return found[0] if found and found[0].id == event_id else None

    async def _owed(self, wanted: str, names: Iterable[str]) -> dict[str, StoredEvent]:
        """What the history does not keep any more, but an outbox entry does."""
        found = {}
        for name in names:
            for entry in await self._outbox.owed(name):
                if wanted in (entry.event.id, delivery_id(name, entry.event.id)):
                    found[name] = entry.event
        return found
