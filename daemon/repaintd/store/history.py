"""Writes events, and keeps the latest of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from repaintd.store.event import event_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aiosqlite

    from repaintd.store.event import EventRow
    from repaintd.store.live import Live, Written
    from repaintd.store.write import Write

# A commit that is tried again, because its first end was not known, finds its event in place.
_EVENT: Final = """
INSERT INTO events (id, name, uid, sequence, at, body) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING
"""
_LATEST: Final = "SELECT max(position) FROM events"
_ANNOUNCED: Final = "UPDATE instance SET announced = ?"
_PRUNE: Final = """
DELETE FROM events WHERE position IN (
    SELECT position FROM events WHERE position <= ? ORDER BY position LIMIT ?
)
"""


class Telling:
    """The events of one transaction; those of the daemon itself get their numbers here."""

    def __init__(self, writes: Sequence[Write], live: Live, written: Written, at: float) -> None:
        self._written = written
        self._rows: list[EventRow] = []
        for write in writes:
            self._rows.extend(write.events)
            if write.announcement is not None:
                written.announced = (written.announced or live.announced) + 1
                event = write.announcement.event(written.announced, live.instance, at)
                written.answers[write] = event
                self._rows.append(event_row(event))

    async def write(self, database: aiosqlite.Connection, keep: int) -> None:
        """Write them, and prune to the latest *keep* in small steps."""
        if not self._rows:
            return
        await database.executemany(_EVENT, self._rows)
        if self._written.announced is not None:
            await database.execute(_ANNOUNCED, (self._written.announced,))
        ((latest,),) = await database.execute_fetchall(_LATEST)
        self._written.latest = latest
        await database.execute(_PRUNE, (latest - keep, 100 + 2 * len(self._rows)))
