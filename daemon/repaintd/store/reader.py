"""Reads what is not known by heart, beside the one who writes."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any, Final

from repaintd.core.event import StoredEvent
from repaintd.store.delivery import ENTRY_COLUMNS, LINE_COLUMNS, delivery_record, outbox_entry
from repaintd.store.failure import unavailable
from repaintd.store.runs import SELECT as RUNS
from repaintd.store.runs import decoded_runs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import aiosqlite

    from repaintd.core.delivery import DeliveryRecord, OutboxEntry
    from repaintd.core.run import Run

DEADLINE: Final = 30.0
"""Seconds until a caller hears that the disk does not answer."""
MOST: Final = 1000
"""Events or lines of the delivery log that are read at a time."""

_LAST: Final = 2**63 - 1  # the last position that SQLite knows

_EVENTS: Final = """
SELECT position, id, name, uid, sequence, at, body FROM events
WHERE position > ? ORDER BY position LIMIT ?
"""
_POSITION: Final = "SELECT position FROM events WHERE id = ?"
_DOCUMENT: Final = "SELECT document FROM inbox WHERE uid = ?"
_OWED: Final = f"SELECT {ENTRY_COLUMNS} FROM outbox WHERE sink = ? ORDER BY position"  # noqa: S608 — our own words
_DELIVERIES: Final = f"""
SELECT {LINE_COLUMNS} FROM deliveries
WHERE (?1 IS NULL OR sink = ?1) AND (NOT ?2 OR error != '') ORDER BY position DESC LIMIT ?3
"""  # noqa: S608 — our own words
_DELIVERY: Final = f"""
SELECT {LINE_COLUMNS} FROM deliveries
WHERE position IN (SELECT max(position) FROM deliveries WHERE ?1 IN (id, event_id) GROUP BY id)
ORDER BY position
"""  # noqa: S608 — our own words


class Reader:
    """Every method raises StoreUnavailable when the database cannot be read just now."""

    def __init__(self, database: aiosqlite.Connection, path: Path) -> None:
        self._database = database
        self._path = path

    async def events(self, after: int, limit: int) -> list[StoredEvent]:
        """Events behind the cursor *after*, oldest first."""
        rows = await self._rows(_EVENTS, min(max(0, after), _LAST), _at_most(limit))
        return [
            StoredEvent(
                position=position, id=id_, name=name, uid=uid, sequence=sequence, at=at, body=body
            )
            for position, id_, name, uid, sequence, at, body in rows
        ]

    async def position_of(self, event_id: str) -> int | None:
        """Where the event with that id stands."""
        return next((row[0] for row in await self._rows(_POSITION, event_id)), None)

    async def document(self, uid: str) -> bytes | None:
        """The data pushed to a binding so far."""
        return next((row[0] for row in await self._rows(_DOCUMENT, uid)), None)

    async def runs(self, uid: str) -> list[Run]:
        """The log of runs of a binding, oldest first; what cannot be read is left out."""
        return decoded_runs(uid, await self._rows(RUNS, uid))

    async def owed(self, sink: str) -> list[OutboxEntry]:
        """All entries of a sink by position."""
        return [outbox_entry(row) for row in await self._rows(_OWED, sink)]

    async def deliveries(
        self, sink: str | None, limit: int, *, failed: bool
    ) -> list[DeliveryRecord]:
        """The delivery log, latest first."""
        rows = await self._rows(_DELIVERIES, sink, failed, _at_most(limit))
        return [delivery_record(row) for row in rows]

    async def delivery(self, id_or_event_id: str) -> list[DeliveryRecord]:
        """The latest line of each delivery with that id or of that event."""
        return [delivery_record(row) for row in await self._rows(_DELIVERY, id_or_event_id)]

    async def _rows(self, query: str, *values: Any) -> Iterable[Any]:
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._database.execute_fetchall(query, values)
        except (sqlite3.Error, ValueError, TimeoutError) as exc:
            raise unavailable(self._path, exc) from exc


def _at_most(limit: int) -> int:
    return max(0, min(limit, MOST))
