"""Opens the database file: permissions, pragmas, migrations, and what it holds."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import aiosqlite

from repaintd.errors import StartupFailed
from repaintd.store.contents import Contents, read_contents
from repaintd.store.failure import startup_failed
from repaintd.store.migration import migrate, migrations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_WAL_LIMIT: Final = 64 * 1024 * 1024


def make_directory(directory: Path) -> None:
    """Create *directory* for this user alone; one that exists is left as it is.

    Raises:
        StartupFailed: it cannot be created.
    """
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            directory.mkdir(mode=0o700)
            _sync_directory(directory.parent)
    except OSError as exc:
        raise StartupFailed(
            f"cannot create the state directory {directory}: {exc.strerror}; "
            "create it for the daemon's user or choose another one"
        ) from exc


def prepare(path: Path, *, busy_timeout: float) -> Contents:
    """Create or migrate the database at *path* and read it. Blocks: run it in a thread.

    Raises:
        StartupFailed: it cannot be used here, it is damaged, or a newer version wrote it.
    """
    try:
        _make_file(path)
        with closing(sqlite3.connect(path, timeout=busy_timeout, isolation_level=None)) as database:
            _use_wal(database, path)
            migrate(database, migrations())
            _check(database)
            return read_contents(database)
    except sqlite3.Error as exc:
        raise startup_failed(path, exc) from exc
    except OSError as exc:
        raise StartupFailed(
            f"cannot open {path}: {exc.strerror}; make it readable and writable "
            "for the daemon's user"
        ) from exc


@contextlib.asynccontextmanager
async def connected(
    path: Path, *, busy_timeout: float, writable: bool
) -> AsyncIterator[aiosqlite.Connection]:
    """One connection in autocommit mode with a thread of its own; every commit is fsynced."""
    async with aiosqlite.connect(path, timeout=busy_timeout, isolation_level=None) as connection:
        await connection.execute("PRAGMA synchronous = FULL")
        await connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
        if not writable:
            await connection.execute("PRAGMA query_only = ON")
        yield connection


def _make_file(path: Path) -> None:
    # SQLite gives its -wal and -shm files the mode of the database.
    descriptor = os.open(path, _CREATE, 0o600)
    try:
        if os.fstat(descriptor).st_uid == os.geteuid():
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    _sync_directory(path.parent)


def _use_wal(database: sqlite3.Connection, path: Path) -> None:
    mode = database.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StartupFailed(
            f"{path} cannot be used in WAL mode (it stays in {mode!r}); the state "
            "directory must be on a local file system"
        )


def _check(database: sqlite3.Connection) -> None:
    finding = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if finding != "ok":
        raise _Damaged(" ".join(finding.split()))


class _Damaged(sqlite3.DatabaseError):
    """The check of the database found something."""

    sqlite_errorname = "SQLITE_CORRUPT"


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
