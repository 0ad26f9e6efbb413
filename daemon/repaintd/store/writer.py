"""The one task that writes to the database.

Callers hand over what they want written and await a future, so a cancelled caller leaves nothing
half-done: an open transaction would lock out everybody else for good.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import structlog

from repaintd.errors import StoreUnavailable
from repaintd.store.batch import Batch
from repaintd.store.failure import of_the_place, unavailable
from repaintd.store.riders import NOBODY, Riders
from repaintd.store.runs import RunLines
from repaintd.store.write import how_many

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import aiosqlite

    from repaintd.core.delivery import DeliveryRecord
    from repaintd.core.ports import Clock
    from repaintd.core.state import BindingState
    from repaintd.store.live import Live, Written
    from repaintd.store.write import Write

log = structlog.get_logger("repaintd.store")

MOST_WAITING: Final = 4096
"""Writes that may wait at a time; further callers wait for their turn."""
MOST_PUSHED: Final = 64 * 1024 * 1024
"""Bytes of pushed data that may wait, before triggers are refused."""
NOTES_PER_BATCH: Final = 500
"""Notes that ride along with one transaction, so that those who wait for it wait little."""
DEADLINE: Final = 30.0
"""Seconds until a caller hears that the disk does not answer."""
SOON: Final = 0.5
"""Seconds that cursors and lines of the delivery log wait for others to ride along with."""


class Writer:
    """Collects writes and puts all that wait into one transaction.

    Attributes:
        errors: transactions that failed since the start.
        runs: lines of the log of runs that wait for the next write or note of their binding.
        on_events: called in the loop after a transaction that wrote events.
    """

    def __init__(
        self,
        database: aiosqlite.Connection,
        path: Path,
        live: Live,
        *,
        clock: Clock,
        flush_interval: float,
        keep_events: int,
    ) -> None:
        self.errors = 0
        self.on_events: list[Callable[[], None]] = []
        self._live = live
        self._database = database
        self._path = path
        self._clock = clock
        self._flush_interval = flush_interval
        self._keep_events = keep_events
        self._writes: list[Write] = []
        self._notes: dict[str, BindingState] = {}
        self._riders = Riders()
        self.runs = RunLines()
        self._pushed = 0
        self._room = asyncio.Semaphore(MOST_WAITING)
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._soon: asyncio.TimerHandle | None = None
        self._flushing = False
        self._closing = False
        self._broken = False

    async def write(self, write: Write) -> Any:
        """The answer to *write* when it is durable. A caller that is cancelled may find it written.

        Raises:
            DocumentRefused: the data of the trigger does not fit; nothing was written.
            StoreUnavailable: it could not be written, or the disk did not answer in time.
        """
        try:
            async with asyncio.timeout(DEADLINE), self._room:
                self._enqueue(write)
                return await write.done
        except TimeoutError as exc:
            raise StoreUnavailable(
                f"{self._path} did not answer within {DEADLINE:g} s: look for disk errors in the "
                "kernel's log"
            ) from exc

    async def write_now_or_never(self, write: Write) -> Any:
        """Like `write`, but without waiting for a place in the queue: its caller can come again.

        Raises:
            DocumentRefused: the data of the trigger does not fit; nothing was written.
            StoreUnavailable: also when too many others wait.
        """
        # Those whose callers were cancelled wait on without a place of theirs.
        full = self._room.locked() or len(self._writes) >= MOST_WAITING
        if full or self._pushed + write.pushed > MOST_PUSHED:
            raise StoreUnavailable(
                f"too much waits for {self._path} already: try again in a moment, and look at how "
                "fast its disk is if that happens often"
            )
        return await self.write(write)

    def note(self, state: BindingState) -> None:
        """Write *state* with the next transaction, at the latest when the interval is over."""
        self._notes[state.uid] = state
        if self._timer is None and not self._closing:
            self._set_timer()

    def note_cursor(self, sink: str, cursor: int) -> None:
        """Write it with the next transaction, or soon."""
        self._live.move(sink, cursor)
        self._riders.note(sink, cursor)
        self._set_soon()

    def log_delivery(self, line: DeliveryRecord) -> None:
        """Write it with the next transaction, or soon."""
        self._riders.add(line)
        self._set_soon()

    async def run(self) -> None:
        """Write until closed and all is written, or the last attempt has failed."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            written = await self._round(self._next_batch())
            if self._closing and not (written and self._waits()):
                break
            self._plan(written=written)
        self._refuse_rest()

    def close(self) -> None:
        """Make `run` write what is left and return; later writes are refused."""
        self._closing = True
        for timer in (self._timer, self._soon):
            if timer is not None:
                timer.cancel()
        self._flush()

    def _waits(self) -> bool:
        return bool(self._writes or self._notes or len(self._riders))

    def _enqueue(self, write: Write) -> None:
        if self._closing:
            raise StoreUnavailable(f"{self._path} is closed: the daemon is stopping")
        note = self._notes.pop(write.uid, None)
        ride = write.change.obsolete(self._riders) if write.change else NOBODY
        if note is not None or ride:
            write = replace(write, note=note, ride=ride)
        self._pushed += write.pushed
        if write.forgets:
            self.runs.drop(write.uid)
        self._writes.append(write)
        self._wake.set()

    def _next_batch(self) -> Batch:
        count = how_many(self._writes)
        writes, self._writes = self._writes[:count], self._writes[count:]
        self._pushed -= sum(write.pushed for write in writes)
        # What nobody waits for is newer than the writes of its binding or sink: not ahead of them.
        uids = {write.uid for write in self._writes}
        changes = [write.change for write in self._writes if write.change]
        sinks = {sink for change in changes for sink in change.sinks}
        waiting = (note for uid, note in self._notes.items() if uid not in uids)
        notes = tuple(itertools.islice(waiting, NOTES_PER_BATCH))
        return Batch(
            writes=writes,
            notes=notes,
            ride=self._riders.ride(without=sinks),
            runs=self.runs.of({*(write.uid for write in writes), *(note.uid for note in notes)}),
        )

    async def _round(self, batch: Batch) -> bool:
        """Write *batch*; False when the database could not be written."""
        if not batch:
            return True
        try:
            written = await batch.write(
                self._database, self._live, at=self._clock.now(), keep=self._keep_events
            )
        except Exception as exc:  # noqa: BLE001 — whatever it was, callers must hear of it
            return await self._failed(batch, exc)
        self._succeeded(batch, written)
        return True

    def _succeeded(self, batch: Batch, written: Written) -> None:
        if self._broken:
            self._broken = False
            log.info("state database can be written again", path=str(self._path))
        for note in batch.notes:
            self._drop_note(note)
        if self._live.apply(written, self._riders.cursors):
            for callback in self.on_events:
                asyncio.get_running_loop().call_soon(callback)
        self._riders.done(batch.ride)
        self.runs.done(batch.runs)
        for write in batch.writes:
            write.answer(written.answers.get(write))

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
        parts = batch.parts()
        if len(parts) > 1:
            return all([await self._round(part) for part in parts])
        for note in batch.notes:
            log.error("state cannot be stored", uid=note.uid, why=str(exc))
            self._drop_note(note)
        self.runs.refuse(batch.runs, exc)
        if batch.ride:
            log.error("deliveries cannot be stored", count=len(batch.ride.lines), why=str(exc))
            self._riders.done(batch.ride)
        self._refuse(batch, exc)
        return True

    def _refuse(self, batch: Batch, exc: Exception) -> None:
        for write in batch.writes:
            if write.note is not None:
                self._notes.setdefault(write.uid, write.note)
            self._riders.put_back(write.ride)
            if not write.done.done():
                failure = unavailable(self._path, exc)
                failure.__cause__ = exc
                write.done.set_exception(failure)

    def _plan(self, *, written: bool) -> None:
        """Go on at once, or with the next write, or when the interval is over."""
        more_notes = bool(self._notes) and self._flushing
        if self._closing or self._writes or (written and more_notes):
            self._wake.set()
        else:
            self._flushing = False
            if self._notes and self._timer is None:
                self._set_timer()
            if len(self._riders):
                self._set_soon()

    def _set_timer(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._flush_interval, self._flush)

    def _set_soon(self) -> None:
        if self._soon is None and not self._closing:
            self._soon = asyncio.get_running_loop().call_later(SOON, self._ride)

    def _ride(self) -> None:
        self._soon = None
        self._wake.set()

    def _flush(self) -> None:
        self._timer = None
        self._flushing = True
        self._wake.set()

    def _refuse_rest(self) -> None:
        if self._notes:
            log.error("notes of unchanged polls were not written", count=len(self._notes))
        if len(self._riders):
            log.error("what was delivered last was not written", count=len(self._riders))
        for write in self._writes:
            if not write.done.done():
                write.done.set_exception(StoreUnavailable(f"{self._path} is closed"))
