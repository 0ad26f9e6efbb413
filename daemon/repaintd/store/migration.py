"""Brings a database to the present schema: numbered .sql files, counted by `user_version`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Final

from repaintd.errors import StartupFailed

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step; `number` is the `user_version` that it leads to."""

    number: int
    name: str
    sql: str = field(repr=False)


def migrations() -> tuple[Migration, ...]:
    """All steps that this version knows, in order."""
    folder = resources.files("repaintd.store") / "migrations"
    found = (
        Migration(number=int(match[1]), name=each.name, sql=each.read_text("utf-8"))
        for each in folder.iterdir()
        if (match := _NAME.fullmatch(each.name))
    )
    return tuple(sorted(found, key=lambda each: each.number))


def migrate(connection: sqlite3.Connection, steps: Sequence[Migration]) -> None:
    """Apply the steps that *connection* (in autocommit mode) has not seen, each on its own.

    Raises:
        StartupFailed: a newer version of the daemon has written this database.
        sqlite3.Error: a step failed; the database is as the step before left it.
    """
    version = schema_version(connection)
    newest = max((step.number for step in steps), default=0)
    if version > newest:
        raise StartupFailed(
            f"the state database has schema version {version}, this repaintd knows up to {newest}: "
            "upgrade repaintd, or give it an empty state directory"
        )
    for step in steps:
        if step.number > version:
            _apply(connection, step)


def schema_version(connection: sqlite3.Connection) -> int:
    """Number of the last step that was applied, 0 for an empty database."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    script = f"BEGIN IMMEDIATE;\n{step.sql}\nPRAGMA user_version = {step.number};\nCOMMIT;"
    try:
        connection.executescript(script)
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise
