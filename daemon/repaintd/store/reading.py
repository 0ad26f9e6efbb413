"""Reads all states at once: at the start, and for the command line when no daemon runs."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import structlog

from repaintd.errors import StoreUnavailable
from repaintd.store.codec import decode_state
from repaintd.store.failure import unavailable
from repaintd.store.migration import migrations, schema_version

if TYPE_CHECKING:
    from pathlib import Path

    from repaintd.core.state import BindingState

DATABASE: Final = "state.sqlite3"

log = structlog.get_logger("repaintd.store")


async def read_states(directory: Path) -> dict[str, BindingState]:
    """What the daemon last wrote in its state *directory*; nothing where it never ran.

    Raises:
        StoreUnavailable: there is a database, but it cannot be read.
    """
    return await asyncio.to_thread(_read, directory / DATABASE)


def all_states(connection: sqlite3.Connection) -> dict[str, BindingState]:
    """Every state by uid. One that cannot be read is left out: its binding starts afresh."""
    states: dict[str, BindingState] = {}
    for uid, blob in connection.execute("SELECT uid, state FROM states"):
        try:
            states[uid] = decode_state(uid, blob)
        except (ValueError, TypeError) as exc:
            log.warning("state cannot be read, its binding starts afresh", uid=uid, why=str(exc))
    return states


def _read(path: Path) -> dict[str, BindingState]:
    if not path.exists():
        return {}
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return _read_known(database, path)
    except sqlite3.Error as exc:
        raise unavailable(path, exc) from exc


def _read_known(connection: sqlite3.Connection, path: Path) -> dict[str, BindingState]:
    version = schema_version(connection)
    newest = max(step.number for step in migrations())
    if version > newest:
        raise StoreUnavailable(
            f"{path} has schema version {version}, this repaintd knows up to {newest}: upgrade it"
        )
    return all_states(connection) if version else {}
