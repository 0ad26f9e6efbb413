"""What one transaction writes, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from repaintd.store.codec import encode_state

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Sequence

    import aiosqlite

    from repaintd.core.state import BindingState
    from repaintd.store.event import EventRow

log = structlog.get_logger("repaintd.store")

_UPSERT: Final = """
INSERT INTO states (uid, state, updated_at) VALUES (?, ?, ?)
ON CONFLICT (uid) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at
"""
_FORGET: Final = "DELETE FROM states WHERE uid = ?"
# A commit that is tried again, because its first end was not known, finds its event in place.
_EVENT: Final = """
INSERT INTO events (id, name, uid, sequence, at, body) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING
"""
_PRUNE: Final = """
DELETE FROM events WHERE position IN (
    SELECT position FROM events
    WHERE position <= (SELECT max(position) FROM events) - ?
    ORDER BY position LIMIT ?
)
"""
_PROBE: Final = """
INSERT INTO probe (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Write:
    """One thing that somebody waits for.

    Attributes:
        done: set once it is durable, or has failed.
        uid: the binding whose state is written; "" for none.
        blob: its state; None to drop it.
        note: the state that waited without hurry and that this write makes obsolete.
    """

    done: asyncio.Future[None]
    uid: str = ""
    blob: bytes | None = field(default=None, repr=False)
    note: BindingState | None = None
    events: Sequence[EventRow] = ()
    probe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What goes into one transaction.

    Attributes:
        writes: in the order in which they were asked for.
        notes: states that nobody waits for; each is newer than the writes of its binding.
    """

    writes: Sequence[Write]
    notes: Sequence[BindingState]

    def __bool__(self) -> bool:
        return bool(self.writes or self.notes)

    def parts(self) -> list[Batch]:
        """One batch for each thing in it, in the order in which they must be written."""
        writes = [Batch(writes=(each,), notes=()) for each in self.writes]
        return writes + [Batch(writes=(), notes=(each,)) for each in self.notes]

    async def write(self, database: aiosqlite.Connection, *, at: float, keep: int) -> None:
        """Write it in one transaction, and prune events to the latest *keep* in small steps.

        Raises:
            Exception: whatever went wrong; nothing was written and no transaction is open.
        """
        try:
            await database.execute("BEGIN IMMEDIATE")
            await self._write_states(database, at)
            await self._write_events(database, keep)
            if any(write.probe for write in self.writes):
                await database.execute(_PROBE, (at,))
            await database.execute("COMMIT")
        finally:
            if database.in_transaction:
                await database.rollback()

    async def _write_states(self, database: aiosqlite.Connection, at: float) -> None:
        latest = {write.uid: write.blob for write in self.writes if write.uid}
        rows = [(uid, blob, at) for uid, blob in latest.items() if blob is not None]
        gone = [(uid,) for uid, blob in latest.items() if blob is None]
        if rows:
            await database.executemany(_UPSERT, rows)
        if gone:
            await database.executemany(_FORGET, gone)
        if self.notes:
            # A generator, so that the thread of the connection does the encoding.
            await database.executemany(_UPSERT, _note_rows(self.notes, at))

    async def _write_events(self, database: aiosqlite.Connection, keep: int) -> None:
        events = [event for write in self.writes for event in write.events]
        if events:
            await database.executemany(_EVENT, events)
            await database.execute(_PRUNE, (keep, 100 + 2 * len(events)))


def _note_rows(notes: Sequence[BindingState], at: float) -> Iterator[tuple[str, bytes, float]]:
    for state in notes:
        try:
            yield state.uid, encode_state(state), at
        except TypeError as exc:
            log.warning("state cannot be stored", uid=state.uid, why=str(exc))
