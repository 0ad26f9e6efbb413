"""Writes accepted triggers: their count, their ids, and the documents they bring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from repaintd.core.fingerprint import digest
from repaintd.core.intake import Accepted
from repaintd.core.push import merged
from repaintd.errors import DocumentRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import aiosqlite

    from repaintd.core.intake import Intake
    from repaintd.store.live import Live, Written
    from repaintd.store.write import Write

InboxRow = tuple[str, int, bytes | None, str, str, float]
SeenRow = tuple[str, str, str, float]

YOUNG: Final = 600.0
"""Seconds that an id is kept though there are many: twice the tolerance of signatures' times."""
OLD: Final = 24 * 3600.0
"""Seconds after which an id counts as new again."""
MOST_SEEN: Final = 100_000
"""Ids that are kept beyond the young ones."""
MOST_YOUNG: Final = 1_000_000
"""Ids that are kept in all, some 1,600 a second."""

DOCUMENTS: Final = 16
"""Documents that are held at a time to merge into them, for they may be large."""

_FORGET: Final = "DELETE FROM inbox WHERE uid = ?"
_FORGET_SEEN: Final = "DELETE FROM seen WHERE uid = ?"
_KNOWN: Final = """
SELECT seen.uid, seen.id, seen.refresh_id FROM json_each(?) AS pair CROSS JOIN seen
ON seen.uid = json_extract(pair.value, '$[0]') AND seen.id = json_extract(pair.value, '$[1]')
WHERE seen.at > ?
"""
_DOCUMENTS: Final = """
SELECT uid, document FROM inbox
WHERE uid IN (SELECT value FROM json_each(?)) AND document IS NOT NULL
"""
_RECEIVE: Final = """
INSERT INTO inbox (uid, received, document, refresh_id, "trigger", at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (uid) DO UPDATE SET
    received = excluded.received, document = coalesce(excluded.document, document),
    refresh_id = excluded.refresh_id, "trigger" = excluded."trigger", at = excluded.at
"""
_SEE: Final = "INSERT OR REPLACE INTO seen (uid, id, refresh_id, at) VALUES (?, ?, ?, ?)"
# Only the oldest are looked at, so that a step costs the same however many there are.
_PRUNE: Final = """
DELETE FROM seen WHERE position IN (
    SELECT position FROM (
        SELECT position, at, (SELECT max(position) FROM seen) - position AS later
        FROM seen ORDER BY position LIMIT :step
    )
    WHERE at < :old OR (at < :young AND later >= :most) OR later >= :most_young
)
"""


class Taking:
    """The triggers of one transaction, in the order in which they came.

    Bindings that are forgotten are forgotten first.
    The transaction itself says which ids were seen before: so a trigger that comes twice at a time
    counts once, whichever of the two is written, and again when nothing of the first was.
    """

    def __init__(self, writes: Sequence[Write], live: Live, written: Written, at: float) -> None:
        self._live = live
        self._written = written
        self._at = at
        self._taken: dict[str, list[tuple[Write, Intake]]] = {}
        self._known: dict[tuple[str, str], str] = {}
        self._documents: dict[str, bytes] = {}
        self._seen: list[SeenRow] = []
        for write in writes:
            if write.intake is not None:
                self._taken.setdefault(write.intake.uid, []).append((write, write.intake))
            elif write.forgets:
                written.forgotten.add(write.uid)

    async def write(self, database: aiosqlite.Connection) -> None:
        """Write them, and prune ids in small steps."""
        gone = [(uid,) for uid in self._written.forgotten]
        if gone:
            await database.executemany(_FORGET, gone)
            await database.executemany(_FORGET_SEEN, gone)
        if self._taken:
            await self._read_known(database)
            await self._receive(database)
        if self._seen:
            await database.executemany(_SEE, self._seen)
            await database.execute(_PRUNE, _bounds(self._at, len(self._seen)))

    async def _read_known(self, database: aiosqlite.Connection) -> None:
        asked = [
            name for taken in self._taken.values() for write, _ in taken for name in write.names
        ]
        if asked:
            bounds = (orjson.dumps(asked), self._at - OLD)
            found = await database.execute_fetchall(_KNOWN, bounds)
            self._known = {(uid, id_): refresh_id for uid, id_, refresh_id in found}

    async def _receive(self, database: aiosqlite.Connection) -> None:
        merging = [uid for uid, taken in self._taken.items() if any(w.merges for w, _ in taken)]
        for first in range(0, len(merging), DOCUMENTS):
            uids = merging[first : first + DOCUMENTS]
            rows = await database.execute_fetchall(_DOCUMENTS, (orjson.dumps(uids),))
            self._documents.update((uid, document) for uid, document in rows)
            await database.executemany(_RECEIVE, self._rows(uids))
        others = self._taken.keys() - set(merging)
        if others:
            await database.executemany(_RECEIVE, self._rows(others))

    def _rows(self, uids: Iterable[str]) -> Iterator[InboxRow]:
        """A generator, so that the thread of the connection does the merging."""
        for uid in uids:
            row = self._take_all(uid, self._taken[uid])
            if row is not None:
                self._written.received[uid] = row[1]
                yield row

    def _take_all(self, uid: str, taken: Sequence[tuple[Write, Intake]]) -> InboxRow | None:
        """The row of a binding after its triggers; None where none of them counts."""
        forgotten = uid in self._written.forgotten
        received = 0 if forgotten else self._live.received.get(uid, 0)
        document, pushed, last = self._documents.pop(uid, None), False, None
        for write, intake in taken:
            if self._is_known(write, received):
                continue
            try:
                if intake.push is not None:
                    document, pushed = merged(document, intake.push), True
            except DocumentRefused as exc:
                self._written.answers[write] = exc
                continue
            received, last = received + 1, intake
            self._accept(write, intake, received)
        if last is None:
            return None
        kept = document if pushed else None
        return uid, received, kept, last.refresh_id, last.trigger.value, last.at

    def _is_known(self, write: Write, received: int) -> bool:
        for name in write.names:
            if (first := self._known.get(name)) is not None:
                self._written.answers[write] = Accepted(
                    received=received, duplicate=True, refresh_id=first
                )
                return True
        return False

    def _accept(self, write: Write, intake: Intake, received: int) -> None:
        self._written.answers[write] = Accepted(received=received, refresh_id=intake.refresh_id)
        for name in write.names:
            self._known[name] = intake.refresh_id
            self._seen.append((*name, intake.refresh_id, self._at))


def names(intake: Intake) -> list[tuple[str, str]]:
    """How the ids of a trigger are remembered: of bounded length, and of one binding."""
    return [(intake.uid, digest(each)) for each in intake.seen]


def _bounds(at: float, seen: int) -> dict[str, float]:
    return {
        "step": 100 + 2 * seen,
        "old": at - OLD,
        "young": at - YOUNG,
        "most": MOST_SEEN,
        "most_young": MOST_YOUNG,
    }
