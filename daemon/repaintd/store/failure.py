"""What an SQLite error means to the operator."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from repaintd.errors import StartupFailed, StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path

_REMEDIES: Final = {
    "SQLITE_FULL": "free space on its disk",
    "SQLITE_BUSY": "end the other process that holds a lock on it",
    "SQLITE_LOCKED": "end the other process that holds a lock on it",
    "SQLITE_READONLY": "make it writable for the daemon's user",
    "SQLITE_CANTOPEN": "make its directory readable and writable for the daemon's user",
    "SQLITE_PERM": "make it readable and writable for the daemon's user",
    "SQLITE_IOERR": "look for disk errors in the kernel's log",
}
_DAMAGED: Final = (
    "move it away together with the files of the same name that end in -wal and -shm, and start "
    "again: every binding is then fetched and rendered once and past events are forgotten; "
    "nothing was deleted"
)
_OF_THE_PLACE: Final = (
    *_REMEDIES,
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_NOMEM",
    "SQLITE_PROTOCOL",
)


def of_the_place(exc: BaseException) -> bool:
    """Whether disk, lock or permission made it fail, so that any other write would fail too."""
    return isinstance(exc, sqlite3.Error) and _name(exc).startswith(_OF_THE_PLACE)


def startup_failed(path: Path, exc: sqlite3.Error) -> StartupFailed:
    """The error with which the daemon does not start."""
    return StartupFailed(_message(path, exc))


def unavailable(path: Path, exc: BaseException) -> StoreUnavailable:
    """The error that callers get while the database cannot be used."""
    return StoreUnavailable(_message(path, exc))


def _message(path: Path, exc: BaseException) -> str:
    name = _name(exc)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return f"the state database {path} is damaged ({exc}): {_DAMAGED}"
    text = f"the state database {path} cannot be used ({str(exc) or type(exc).__name__})"
    remedy = next((_REMEDIES[each] for each in _REMEDIES if name.startswith(each)), None)
    return f"{text}: {remedy}" if remedy else text


def _name(exc: BaseException) -> str:
    # Errors that Python's own module raises (a closed connection) carry no name.
    return getattr(exc, "sqlite_errorname", None) or ""
