"""The log of runs: what waits to be written, how it is written, and how few of it are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from repaintd.core.run import KEPT, KEPT_FAILURES, kept
from repaintd.store.codec import decode_run, encode_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    import aiosqlite

    from repaintd.core.run import Run
    from repaintd.store.write import Write

Line = tuple[str, "Run"]

MOST_LINES: Final = 100_000
"""Lines that wait for the disk; then those of the binding go that has waited longest."""
_MOST_OF_ONE: Final = 2 * (KEPT + KEPT_FAILURES)

log = structlog.get_logger("repaintd.store")

SELECT: Final = "SELECT run FROM runs WHERE uid = ? ORDER BY number"
_INSERT: Final = """
INSERT INTO runs (uid, number, failed, run) VALUES (?, ?, ?, ?)
ON CONFLICT (uid, number) DO UPDATE SET failed = excluded.failed, run = excluded.run
"""
_FORGET: Final = "DELETE FROM runs WHERE uid = ?"
_PRUNE: Final = f"""
DELETE FROM runs WHERE uid = ?1
AND number <= (SELECT number FROM runs WHERE uid = ?1
               ORDER BY number DESC LIMIT 1 OFFSET {KEPT})
AND NOT (failed AND number > coalesce(
    (SELECT number FROM runs WHERE uid = ?1 AND failed
     ORDER BY number DESC LIMIT 1 OFFSET {KEPT_FAILURES}), -1))
"""  # noqa: S608 — our own numbers


class RunLines:
    """Lines that ride along with the next write of their binding."""

    def __init__(self) -> None:
        self._lines: dict[str, list[Run]] = {}
        self._count = 0

    def add(self, uid: str, run: Run) -> None:
        """Have it written; where too many wait, old ones are lost."""
        lines = self._lines.setdefault(uid, [])
        lines.append(run)
        self._count += 1
        if len(lines) > _MOST_OF_ONE:
            self._lines[uid] = kept(lines)
            self._count -= len(lines) - len(self._lines[uid])
        if self._count > MOST_LINES:
            self.drop(next(iter(self._lines)))

    def of(self, uids: Iterable[str]) -> tuple[Line, ...]:
        """What waits of these bindings; it goes on waiting until it is `done`."""
        lines = self._lines
        return tuple((uid, run) for uid in uids if uid in lines for run in lines[uid])

    def done(self, written: Sequence[Line]) -> None:
        """Let go of what was written, but not of what came meanwhile."""
        for uid, run in written:
            lines = self._lines.get(uid, [])
            if run in lines:
                lines.remove(run)
                self._count -= 1
            if not lines:
                self._lines.pop(uid, None)

    def refuse(self, lines: Sequence[Line], exc: Exception) -> None:
        """Let go of what cannot be written, and say so."""
        for uid, _run in lines:
            log.error("run cannot be stored", uid=uid, why=str(exc))
        self.done(lines)

    def drop(self, uid: str) -> None:
        """Forget what waits of a binding."""
        self._count -= len(self._lines.pop(uid, ()))


async def write_runs(
    database: aiosqlite.Connection, writes: Sequence[Write], lines: Sequence[Line]
) -> None:
    """Drop what is forgotten, then write *lines*, and prune their bindings."""
    gone = [(write.uid,) for write in writes if write.forgets]
    if gone:
        await database.executemany(_FORGET, gone)
    if lines:
        await database.executemany(_INSERT, _rows(lines))
        await database.executemany(_PRUNE, [(uid,) for uid in _uids(lines)])


def _rows(lines: Sequence[Line]) -> Iterator[tuple[str, int, bool, bytes]]:
    for uid, run in lines:
        try:
            yield uid, run.number, run.failed, encode_run(run)
        except TypeError as exc:
            log.warning("run cannot be stored", uid=uid, why=str(exc))


def decoded_runs(uid: str, rows: Iterable[Sequence[bytes]]) -> list[Run]:
    """The runs in *rows* of one column; what cannot be read is left out."""
    runs = []
    for (blob,) in rows:
        try:
            runs.append(decode_run(blob))
        except (ValueError, TypeError) as exc:
            log.warning("run cannot be read", uid=uid, why=str(exc))
    return runs


def _uids(lines: Sequence[Line]) -> AbstractSet[str]:
    return {uid for uid, _run in lines}
