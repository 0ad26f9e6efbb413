"""Durable commits of a state with its event, beside plain SQLite on the same disk."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Final

import orjson

from bench.occurrences import change
from bench.rounds import alternate
from bench.table import Row
from repaintd.runtime.clock import SystemClock
from repaintd.store import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.effort import Effort
    from bench.workspace import Workspace
    from repaintd.store import Store

WRITERS: Final = 64
NUMBERS: Final = itertools.count(1)
PREPARE: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS states (uid TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, body BLOB);
"""


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """Commits a second, one writer and many; for information."""
    async with open_store(workspace.root / "state", clock=SystemClock()) as store:
        rates = await alternate(
            {
                "one": partial(_commits, store, 1, effort.seconds / 2),
                "many": partial(_commits, store, WRITERS, effort.seconds / 2),
                "plain": partial(_plain, workspace.root / "plain.db", effort.seconds / 2),
            },
            effort.rounds,
        )
    what = "state and event in one fsynced transaction; baseline: sqlite3, one after the other"
    return [
        Row(
            name="durable commits, one writer",
            ours=rates["one"],
            baseline=rates["plain"],
            unit="/s",
            note=what,
        ),
        Row(
            name=f"durable commits, {WRITERS} at once",
            ours=rates["many"],
            baseline=rates["plain"],
            unit="/s",
        ),
    ]


async def _commits(store: Store, writers: int, seconds: float) -> float:
    done = 0
    started = time.perf_counter()

    async def keep_writing(uid: str) -> None:
        nonlocal done
        while time.perf_counter() - started < seconds:
            state, event = change(uid, next(NUMBERS))
            await store.commit(state, [event])
            done += 1

    await asyncio.gather(*(keep_writing(f"card-{number}") for number in range(writers)))
    return done / (time.perf_counter() - started)


async def _plain(path: Path, seconds: float) -> float:
    """The same rows by the standard library."""
    return await asyncio.to_thread(_plain_commits, path, seconds)


def _plain_commits(path: Path, seconds: float) -> float:
    done = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(PREPARE)
        started = time.perf_counter()
        while time.perf_counter() - started < seconds:
            state, event = change("card-0", next(NUMBERS))
            database.execute("BEGIN IMMEDIATE")
            row = (state.uid, orjson.dumps(state))
            database.execute("INSERT OR REPLACE INTO states VALUES (?, ?)", row)
            body = orjson.dumps(event.body())
            database.execute("INSERT INTO events VALUES (?, ?)", (event.id, body))
            database.execute("COMMIT")
            done += 1
        return done / (time.perf_counter() - started)
