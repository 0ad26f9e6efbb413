"""Kill -9 of the daemon at any instant: no torn or missing file, no lost state."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
from itertools import pairwise

import pytest

# a group of its own: most of its time is spent starting, so it runs beside the other browser tests
pytestmark = [
    pytest.mark.chromium,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("kill-daemon"),
]

KILLS = 50
BINDINGS = 8
PNG_END = b"IEND\xaeB`\x82"


class Readers:
    """Read the stable files all the time, as a web server would."""

    def __init__(self, files) -> None:
        self.files = files
        self.seen: set[str] = set()
        self.reads = 0
        self.faults: list[str] = []

    async def run(self) -> None:
        while True:
            for path in self.files:
                self.look(path)
            await asyncio.sleep(0.002)

    def look(self, path) -> None:
        try:
            body = path.read_bytes()
        except FileNotFoundError:
            if path.name in self.seen:
                self.faults.append(f"{path.name} is missing")
            return
        self.seen.add(path.name)
        self.reads += 1
        if not (body.startswith(b"\x89PNG") and body.endswith(PNG_END)):
            self.faults.append(f"{path.name} is torn: {len(body)} bytes")


async def test_d1_fifty_kills_under_load_tear_no_file_and_lose_no_state(home, source):
    source.counting = True
    names = [f"card-{n}" for n in range(BINDINGS)]
    home.bind(*(home.http_binding(name, source.url(name), policy="ttl") for name in names))
    readers = Readers([home.output / f"{name}.png" for name in names])
    reading = asyncio.create_task(readers.run(), name="readers")
    dice = random.Random(20260101)
    known: dict[str, str] = {}
    for _ in range(KILLS):
        await home.start()
        await home.ready()
        await home.until(lambda: home.events("binding.updated"))
        await asyncio.sleep(dice.uniform(0, 0.6))
        await home.kill()
        known.update({e["event_id"]: e["binding"] for e in home.events("binding.updated")})
    async with home.running():
        await home.until(lambda: {e["binding"] for e in home.events("binding.updated")} == {*names})
        assert not [p.name for p in home.output.iterdir() if p.name not in readers.seen]
    reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading

    assert readers.faults == []
    assert readers.reads > KILLS * BINDINGS
    check_database(home, names, known)


def check_database(home, names, known) -> None:
    (database,) = (home.home / "state").glob("*.sqlite3")
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute("SELECT id, uid, sequence, body FROM events ORDER BY position")
        events = rows.fetchall()
    ids = [row[0] for row in events]
    assert len(ids) == len(set(ids))
    assert set(known) <= set(ids), "an event that was told is not on record"
    for name in names:
        sequences = [row[2] for row in events if row[1] == name]
        assert sequences == list(range(1, len(sequences) + 1)), f"{name}: the sequence has a hole"
        titles = [json.loads(row[3])["data"] for row in events if row[1] == name]
        for before, after in pairwise(t for t in titles if "newData" in t):
            assert after["previousData"] == before["newData"]
