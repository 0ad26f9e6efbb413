"""Opens the store and closes it: the lock, the connections, the task that writes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import structlog

from repaintd.store.database import connected, make_directory, prepare
from repaintd.store.lock import locked
from repaintd.store.reader import Reader
from repaintd.store.reading import DATABASE
from repaintd.store.store import Store
from repaintd.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from repaintd.core.ports import Clock
    from repaintd.store.contents import Contents

log = structlog.get_logger("repaintd.store")

_CLOSE_DEADLINE: Final = 10.0


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
        contents = await _in_thread(path, busy_timeout)
        database, reader = [
            await stack.enter_async_context(
                connected(path, busy_timeout=busy_timeout, writable=writable)
            )
            for writable in (True, False)
        ]
        writer = Writer(
            database,
            path,
            contents.live,
            clock=clock,
            flush_interval=flush_interval,
            keep_events=keep_events,
        )
        await stack.enter_async_context(_running(writer))
        yield Store(contents, writer=writer, reader=Reader(reader, path))


async def _in_thread(path: Path, busy_timeout: float) -> Contents:
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
