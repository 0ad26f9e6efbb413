"""Reads at the start, and for the command line when no daemon runs."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from repaintd.errors import StoreUnavailable
from repaintd.store.codec import decode_state
from repaintd.store.failure import unavailable
from repaintd.store.migration import migrations, schema_version
from repaintd.store.runs import SELECT, decoded_runs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from repaintd.core.run import Run
    from repaintd.core.state import BindingState

DATABASE: Final = "state.sqlite3"

T = TypeVar("T")
_WITH_INBOX: Final = 2
"""The schema version that brought the inbox."""
_WITH_RUNS: Final = 3
"""The schema version that brought the log of runs."""

log = structlog.get_logger("repaintd.store")


async def read_states(directory: Path) -> dict[str, BindingState]:
    """What the daemon last wrote in its state *directory*; nothing where it never ran.

    Raises:
        StoreUnavailable: there is a database, but it cannot be read.
    """
    return await asyncio.to_thread(_read, directory / DATABASE, all_states, 1) or {}


async def read_runs(directory: Path, uid: str) -> list[Run]:
    """What is kept of the runs of a binding, oldest first; nothing where it never ran.

    Raises:
        StoreUnavailable: there is a database, but it cannot be read.
    """

    def runs(connection: sqlite3.Connection) -> list[Run]:
        return decoded_runs(uid, connection.execute(SELECT, (uid,)))

    return await asyncio.to_thread(_read, directory / DATABASE, runs, _WITH_RUNS) or []


async def read_document(directory: Path, uid: str) -> bytes | None:
    """What was pushed to a binding, as JSON; None where nothing was.

    Raises:
        StoreUnavailable: there is a database, but it cannot be read.
    """

    def document(connection: sqlite3.Connection) -> bytes | None:
        row = connection.execute("SELECT document FROM inbox WHERE uid = ?", (uid,)).fetchone()
        return None if row is None else row[0]

    return await asyncio.to_thread(_read, directory / DATABASE, document, _WITH_INBOX)


def all_states(connection: sqlite3.Connection) -> dict[str, BindingState]:
    """Every state by uid. One that cannot be read is left out: its binding starts afresh."""
    states: dict[str, BindingState] = {}
    for uid, blob in connection.execute("SELECT uid, state FROM states"):
        try:
            states[uid] = decode_state(uid, blob)
        except (ValueError, TypeError) as exc:
            log.warning("state cannot be read, its binding starts afresh", uid=uid, why=str(exc))
    return states


def _read(path: Path, read: Callable[[sqlite3.Connection], T], since: int) -> T | None:
    """What *read* finds, None where no daemon of schema version *since* or later ever ran."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return read(database) if _version(database, path) >= since else None
    except sqlite3.Error as exc:
        raise unavailable(path, exc) from exc


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = schema_version(connection)
    newest = max(step.number for step in migrations())
    if version > newest:
        raise StoreUnavailable(
            f"{path} has schema version {version}, this repaintd knows up to {newest}: upgrade it"
        )
    return version
