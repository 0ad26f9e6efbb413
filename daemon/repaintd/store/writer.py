"""The one task that writes to the database.

Callers hand over what they want written and await a future, so a cancelled caller leaves nothing
half-done: an open transaction would lock out everybody else for good.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Final

import structlog

from repaintd.errors import StoreUnavailable
from repaintd.store.batch import Batch, Write
from repaintd.store.failure import of_the_place, unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import aiosqlite

    from repaintd.core.ports import Clock
    from repaintd.core.state import BindingState
    from repaintd.store.event import EventRow

log = structlog.get_logger("repaintd.store")

MOST_WAITING: Final = 4096
"""Writes that may wait at a time; further callers wait for their turn."""
NOTES_PER_BATCH: Final = 500
"""Notes that ride along with one transaction, so that those who wait for it wait little."""
DEADLINE: Final = 30.0
"""Seconds until a caller hears that the disk does not answer."""


class Writer:
    """Collects writes and puts all that wait into one transaction.

    Attributes:
        errors: transactions that failed since the start.
    """

    def __init__(
        self,
        database: aiosqlite.Connection,
        path: Path,
        *,
        clock: Clock,
        flush_interval: float,
        keep_events: int,
    ) -> None:
        self.errors = 0
        self._database = database
        self._path = path
        self._clock = clock
        self._flush_interval = flush_interval
        self._keep_events = keep_events
        self._writes: list[Write] = []
        self._notes: dict[str, BindingState] = {}
        self._room = asyncio.Semaphore(MOST_WAITING)
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._flushing = False
        self._closing = False
        self._broken = False

    async def write(
        self,
        uid: str = "",
        blob: bytes | None = None,
        events: Sequence[EventRow] = (),
        *,
        probe: bool = False,
    ) -> None:
        """Write and return when it is durable. A caller that is cancelled may find it written.

        Raises:
            StoreUnavailable: it could not be written, or the disk did not answer in time.
        """
        try:
            async with asyncio.timeout(DEADLINE), self._room:
                done = self._enqueue(uid, blob, events, probe=probe)
                await done
        except TimeoutError as exc:
            raise StoreUnavailable(
                f"{self._path} did not answer within {DEADLINE:g} s: look for disk errors in the "
                "kernel's log"
            ) from exc

    def note(self, state: BindingState) -> None:
        """Write *state* with the next transaction, at the latest when the interval is over."""
        self._notes[state.uid] = state
        if self._timer is None and not self._closing:
            self._set_timer()

    async def run(self) -> None:
        """Write until closed and all is written, or the last attempt has failed."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            written = await self._round(self._next_batch())
            if self._closing and not (written and (self._writes or self._notes)):
                break
            self._plan(written=written)
        self._refuse_rest()

    def close(self) -> None:
        """Make `run` write what is left and return; later writes are refused."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._flush()

    def _enqueue(
        self, uid: str, blob: bytes | None, events: Sequence[EventRow], *, probe: bool
    ) -> asyncio.Future[None]:
        if self._closing:
            raise StoreUnavailable(f"{self._path} is closed: the daemon is stopping")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        note = self._notes.pop(uid, None)
        self._writes.append(
            Write(done=done, uid=uid, blob=blob, note=note, events=events, probe=probe)
        )
        self._wake.set()
        return done

    def _next_batch(self) -> Batch:
        writes, self._writes = self._writes, []
        return Batch(
            writes=writes, notes=tuple(itertools.islice(self._notes.values(), NOTES_PER_BATCH))
        )

    async def _round(self, batch: Batch) -> bool:
        """Write *batch*; False when the database could not be written."""
        if not batch:
            return True
        try:
            await batch.write(self._database, at=self._clock.now(), keep=self._keep_events)
        except Exception as exc:  # noqa: BLE001 — whatever it was, callers must hear of it
            return await self._failed(batch, exc)
        self._succeeded(batch)
        return True

    def _succeeded(self, batch: Batch) -> None:
        if self._broken:
            self._broken = False
            log.info("state database can be written again", path=str(self._path))
        for note in batch.notes:
            self._drop_note(note)
        for write in batch.writes:
            if not write.done.done():
                write.done.set_result(None)

    def _drop_note(self, note: BindingState) -> None:
        # A newer note of the same binding may have come meanwhile.
        if self._notes.get(note.uid) is note:
            del self._notes[note.uid]

    async def _failed(self, batch: Batch, exc: Exception) -> bool:
        self.errors += 1
        if not of_the_place(exc):
            return await self._one_by_one(batch, exc)
        if not self._broken:
            self._broken = True
            log.error("state database cannot be written", path=str(self._path), why=str(exc))
        self._refuse(batch, exc)
        return False

    async def _one_by_one(self, batch: Batch, exc: Exception) -> bool:
        """Something in *batch* is at fault, not the database: let it fail alone."""
        if len(batch.writes) + len(batch.notes) > 1:
            return all([await self._round(part) for part in batch.parts()])
        for note in batch.notes:
            log.error("state cannot be stored", uid=note.uid, why=str(exc))
            self._drop_note(note)
        self._refuse(batch, exc)
        return True

    def _refuse(self, batch: Batch, exc: Exception) -> None:
        for write in batch.writes:
            if write.note is not None:
                self._notes.setdefault(write.uid, write.note)
            if not write.done.done():
                failure = unavailable(self._path, exc)
                failure.__cause__ = exc
                write.done.set_exception(failure)

    def _plan(self, *, written: bool) -> None:
        """Go on at once, or with the next write, or when the interval is over."""
        more_notes = bool(self._notes) and self._flushing
        if self._writes or (written and more_notes):
            self._wake.set()
        else:
            self._flushing = False
            if self._notes and self._timer is None:
                self._set_timer()

    def _set_timer(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._flush_interval, self._flush)

    def _flush(self) -> None:
        self._timer = None
        self._flushing = True
        self._wake.set()

    def _refuse_rest(self) -> None:
        if self._notes:
            log.error("notes of unchanged polls were not written", count=len(self._notes))
        for write in self._writes:
            if not write.done.done():
                write.done.set_exception(StoreUnavailable(f"{self._path} is closed"))
