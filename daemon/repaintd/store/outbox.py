"""Writes sinks, what they owe, and the delivery log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from repaintd.store.delivery import ENTRY_COLUMNS, LINE_COLUMNS, SINK_COLUMNS, line_row, sink_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aiosqlite

    from repaintd.store.delivery import EntryRow
    from repaintd.store.live import Written
    from repaintd.store.riders import Ride
    from repaintd.store.write import OutboxChange, Write

MOST_DEAD: Final = 10_000
"""Dead letters that are kept of each sink, the latest."""
MOST_LINES: Final = 1_000
"""Lines of the delivery log that are kept of each sink, the latest."""
_STEP: Final = 500

_GONE: Final = (
    "DELETE FROM sinks WHERE name = ?",
    "DELETE FROM outbox WHERE sink = ?",
    "DELETE FROM deliveries WHERE sink = ?",
)
_SINK: Final = f"INSERT OR REPLACE INTO sinks ({SINK_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608 — our own words
_CURSOR: Final = "UPDATE sinks SET cursor = max(cursor, ?) WHERE name = ?"
_KEEP: Final = f"""
INSERT OR REPLACE INTO outbox ({ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""  # noqa: S608 — our own words
_DROP: Final = "DELETE FROM outbox WHERE sink = ? AND position = ?"
_PRUNE_DEAD: Final = """
DELETE FROM outbox WHERE sink = ?1 AND position IN (
    SELECT position FROM outbox WHERE sink = ?1 AND dead AND position <= (
        SELECT position FROM outbox WHERE sink = ?1 AND dead ORDER BY position DESC
        LIMIT 1 OFFSET ?2
    )
    ORDER BY position LIMIT ?3
)
"""
_LINE: Final = f"""
INSERT INTO deliveries ({LINE_COLUMNS}, number)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
    (SELECT coalesce(max(number), 0) + 1 FROM deliveries WHERE sink = ?2))
"""  # noqa: S608 — our own words
_PRUNE_LINES: Final = """
DELETE FROM deliveries
WHERE sink = ?1 AND number <= (SELECT max(number) FROM deliveries WHERE sink = ?1) - ?2
"""


class Sending:
    """What one transaction changes in what is remembered of deliveries; the latest word counts."""

    def __init__(self, writes: Sequence[Write], ride: Ride, written: Written) -> None:
        self._ride = ride
        self._sinks = written.sinks
        self._gone: dict[str, None] = {}
        self._entries: dict[tuple[str, int], EntryRow | None] = {}
        for write in writes:
            if write.change is not None:
                self._add(write.change)

    def _add(self, change: OutboxChange) -> None:
        if change.gone:
            self._gone[change.gone] = self._sinks[change.gone] = None
            for key in [key for key in self._entries if key[0] == change.gone]:
                del self._entries[key]
        if change.record is not None:
            self._sinks[change.record.name] = change.record
        self._entries.update(((row[0], row[1]), row) for row in change.keep)
        self._entries.update((key, None) for key in change.drop)

    async def write(self, database: aiosqlite.Connection) -> None:
        """Write it; cursors and lines go last, as they are newer than the rest."""
        for statement in _GONE if self._gone else ():
            await database.executemany(statement, [(name,) for name in self._gone])
        records = [sink_row(record) for record in self._sinks.values() if record is not None]
        if records:
            await database.executemany(_SINK, records)
        await self._write_entries(database)
        await self._write_ride(database)

    async def _write_ride(self, database: aiosqlite.Connection) -> None:
        if self._ride.cursors:
            cursors = [(cursor, sink) for sink, cursor in self._ride.cursors.items()]
            await database.executemany(_CURSOR, cursors)
        if self._ride.lines:
            await database.executemany(_LINE, map(line_row, self._ride.lines.values()))
            sinks = {line.sink for line in self._ride.lines.values()}
            await database.executemany(_PRUNE_LINES, [(sink, MOST_LINES) for sink in sinks])

    async def _write_entries(self, database: aiosqlite.Connection) -> None:
        dropped = [key for key, row in self._entries.items() if row is None]
        kept = [row for row in self._entries.values() if row is not None]
        if dropped:
            await database.executemany(_DROP, dropped)
        if kept:
            await database.executemany(_KEEP, kept)
        dead = {row[0]: None for row in kept if row[10]}
        if dead:
            step = _STEP + 2 * len(kept)
            await database.executemany(_PRUNE_DEAD, [(sink, MOST_DEAD, step) for sink in dead])
