"""What one transaction writes, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from repaintd.store.codec import encode_state
from repaintd.store.history import Telling
from repaintd.store.inbox import Taking
from repaintd.store.live import Written
from repaintd.store.outbox import Sending
from repaintd.store.riders import NOBODY, Ride
from repaintd.store.runs import write_runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import aiosqlite

    from repaintd.core.state import BindingState
    from repaintd.store.live import Live
    from repaintd.store.runs import Line
    from repaintd.store.write import Write

log = structlog.get_logger("repaintd.store")

_UPSERT: Final = """
INSERT INTO states (uid, state, updated_at) VALUES (?, ?, ?)
ON CONFLICT (uid) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at
"""
_FORGET: Final = "DELETE FROM states WHERE uid = ?"
_PROBE: Final = """
INSERT INTO probe (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What goes into one transaction.

    Attributes:
        writes: in the order in which they were asked for.
        notes: states that nobody waits for; each is newer than the writes of its binding.
        ride: cursors and lines of the delivery log that nobody waits for.
        runs: lines of the log of runs.
    """

    writes: Sequence[Write] = ()
    notes: Sequence[BindingState] = ()
    ride: Ride = NOBODY
    runs: Sequence[Line] = ()

    def __bool__(self) -> bool:
        return bool(self.writes or self.notes or self.ride or self.runs)

    def parts(self) -> list[Batch]:
        """One batch for each thing in it, in the order in which they must be written."""
        writes = [Batch(writes=(each,)) for each in self.writes]
        notes = [Batch(notes=(each,)) for each in self.notes]
        runs = [Batch(runs=(each,)) for each in self.runs]
        return writes + notes + ([Batch(ride=self.ride)] if self.ride else []) + runs

    async def write(
        self, database: aiosqlite.Connection, live: Live, *, at: float, keep: int
    ) -> Written:
        """Write it in one transaction, and prune events to the latest *keep* in small steps.

        Raises:
            Exception: whatever went wrong; nothing was written and no transaction is open.
        """
        written = Written()
        try:
            await database.execute("BEGIN IMMEDIATE")
            await self._write_states(database, at)
            await write_runs(database, self.writes, self.runs)
            await Taking(self.writes, live, written, at).write(database)
            await Telling(self.writes, live, written, at).write(database, keep)
            await Sending(self.writes, self.ride, written).write(database)
            if any(write.probe for write in self.writes):
                await database.execute(_PROBE, (at,))
            await database.execute("COMMIT")
        finally:
            if database.in_transaction:
                await database.rollback()
        return written

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


def _note_rows(notes: Sequence[BindingState], at: float) -> Iterator[tuple[str, bytes, float]]:
    for state in notes:
        try:
            yield state.uid, encode_state(state), at
        except TypeError as exc:
            log.warning("state cannot be stored", uid=state.uid, why=str(exc))
