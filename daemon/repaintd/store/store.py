"""The store as the rest of the daemon sees it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

import structlog

from repaintd.store.codec import encode_state
from repaintd.store.database import connected, make_directory, prepare
from repaintd.store.event import StoredEvent, event_row
from repaintd.store.failure import unavailable
from repaintd.store.lock import locked
from repaintd.store.reading import DATABASE
from repaintd.store.writer import DEADLINE, Writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    import aiosqlite

    from repaintd.core.event import Event
    from repaintd.core.ports import Clock
    from repaintd.core.state import BindingState

log = structlog.get_logger("repaintd.store")

_CLOSE_DEADLINE: Final = 10.0
_MOST_EVENTS: Final = 1000
_EVENTS: Final = """
SELECT position, id, name, uid, sequence, at, body FROM events
WHERE position > ? ORDER BY position LIMIT ?
"""


class Store:
    """Implements `repaintd.core.ports.StateStore`; made by `open_store`."""

    def __init__(
        self,
        *,
        states: dict[str, BindingState],
        writer: Writer,
        reader: aiosqlite.Connection,
        path: Path,
    ) -> None:
        self._states: dict[str, BindingState] | None = states
        self._writer = writer
        self._reader = reader
        self._path = path

    @property
    def write_errors(self) -> int:
        """Transactions that failed since the start."""
        return self._writer.errors

    def states(self) -> dict[str, BindingState]:
        """All states as read at the start, handed over: the store keeps no copy.

        Raises:
            RuntimeError: they were handed over before.
        """
        if self._states is None:
            raise RuntimeError("the states were handed over already; the caller owns them")
        states, self._states = self._states, None
        return states

    async def commit(self, state: BindingState, events: Sequence[Event] = ()) -> None:
        """Write both in one transaction; durable on return.

        Raises:
            StoreUnavailable: nothing of it was written.
            TypeError: the state or an event holds something that is no JSON value.
        """
        blob = encode_state(state)
        await self._writer.write(state.uid, blob, [event_row(event) for event in events])

    def note(self, state: BindingState) -> None:
        """Write it with the next batch, for polls that changed nothing: never fails or waits."""
        self._writer.note(state)

    async def forget(self, uid: str) -> None:
        """Drop the state of a binding that is gone; its events stay.

        Raises:
            StoreUnavailable: nothing was dropped.
        """
        await self._writer.write(uid)

    async def probe(self) -> None:
        """Write one row in a transaction of its own kind, to prove that writing works now.

        Raises:
            StoreUnavailable: it does not, and why.
        """
        await self._writer.write(probe=True)

    async def events(self, after: int = 0, limit: int = 100) -> list[StoredEvent]:
        """Events of all bindings behind the cursor *after*, oldest first, 1,000 at most.

        Raises:
            StoreUnavailable: they cannot be read just now.
        """
        try:
            async with asyncio.timeout(DEADLINE):
                bounds = (after, max(0, min(limit, _MOST_EVENTS)))
                rows = await self._reader.execute_fetchall(_EVENTS, bounds)
        except (sqlite3.Error, ValueError, TimeoutError) as exc:
            raise unavailable(self._path, exc) from exc
        return [
            StoredEvent(
                position=position, id=id_, name=name, uid=uid, sequence=sequence, at=at, body=body
            )
            for position, id_, name, uid, sequence, at, body in rows
        ]


@contextlib.asynccontextmanager
async def open_store(
    directory: Path,
    *,
    clock: Clock,
    flush_interval: float = 300.0,
    keep_events: int = 100_000,
    busy_timeout: float = 5.0,
) -> AsyncIterator[Store]:
    """Open the state *directory*, making what is missing; on the way out, write all that waits.

    Args:
        directory: made for this user alone; one daemon at a time.
        clock: says when rows were written.
        flush_interval: seconds that a note waits at most while the disk works.
        keep_events: how many events are kept, the latest.
        busy_timeout: seconds to wait for another process that holds a lock on the database.

    Raises:
        StartupFailed: it cannot be used; the message says what to do.
    """
    path = directory / DATABASE
    async with contextlib.AsyncExitStack() as stack:
        make_directory(directory)
        stack.enter_context(locked(directory))
        states = await _in_thread(path, busy_timeout)
        database, reader = [
            await stack.enter_async_context(
                connected(path, busy_timeout=busy_timeout, writable=writable)
            )
            for writable in (True, False)
        ]
        writer = Writer(
            database, path, clock=clock, flush_interval=flush_interval, keep_events=keep_events
        )
        await stack.enter_async_context(_running(writer))
        yield Store(states=states, writer=writer, reader=reader, path=path)


async def _in_thread(path: Path, busy_timeout: float) -> dict[str, BindingState]:
    """Prepare the database; even when cancelled, not before the thread is done with it."""
    work = asyncio.ensure_future(asyncio.to_thread(prepare, path, busy_timeout=busy_timeout))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


@contextlib.asynccontextmanager
async def _running(writer: Writer) -> AsyncIterator[None]:
    task = asyncio.create_task(writer.run(), name="store.writer")
    try:
        yield
    finally:
        writer.close()
        _, late = await asyncio.wait([task], timeout=_CLOSE_DEADLINE)
        if late:
            log.error("state database did not answer, some writes are lost")
            task.cancel()
            await asyncio.wait([task])
