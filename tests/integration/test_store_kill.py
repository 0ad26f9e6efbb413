"""Kill -9 at any instant: what was acknowledged is there, and nothing is half there.

Run as a program, this file is the nursery: it forks a daemon's worth of store for each line on its
standard input, which is much faster than a new interpreter for each life.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from repaintd.core.event import UPDATED, Event
from repaintd.core.state import BindingState
from repaintd.store import open_store

LIVES = 40
SEED = 2
UIDS = [f"b{number}" for number in range(8)]


class WallClock:
    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


async def _commit_for_ever(directory: Path, acknowledged: int) -> None:
    async with open_store(directory, clock=WallClock(), flush_interval=0.01) as store:
        states = store.states()

        async def one(uid: str) -> None:
            state = states.get(uid) or BindingState(uid=uid)
            for sequence in itertools.count(state.sequence + 1):
                event = Event(
                    id=f"{uid}/{sequence}", name=UPDATED, uid=uid, sequence=sequence,
                    at=time.time(), data={"padding": "x" * (sequence % 997)},
                )  # fmt: skip
                state = replace(state, sequence=sequence, error_count=0)
                await store.commit(state, [event])
                os.write(acknowledged, f"{event.id}\n".encode())
                store.note(replace(state, error_count=1))

        await asyncio.gather(*(one(uid) for uid in UIDS))


def _nursery(directory: Path, acknowledgements: Path) -> None:
    for _ in sys.stdin:
        pid = os.fork()
        if not pid:
            os.dup2(2, 1)  # the standard output speaks to the test
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            asyncio.run(_commit_for_ever(directory, os.open(acknowledgements, flags)))
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("gone", flush=True)


def _check(directory: Path, acknowledged: set[str]) -> None:
    with closing(sqlite3.connect(directory / "state.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        ids = {each for (each,) in database.execute("SELECT id FROM events")}
        latest = dict(database.execute("SELECT uid, max(sequence) FROM events GROUP BY uid"))
        holes = database.execute(
            "SELECT uid FROM events GROUP BY uid HAVING count(*) != max(sequence)"
        ).fetchall()

    assert acknowledged <= ids
    assert holes == []
    assert _sequences(directory) == latest


def _sequences(directory: Path) -> dict[str, int]:
    async def read() -> dict[str, int]:
        async with open_store(directory, clock=WallClock()) as store:
            return {uid: state.sequence for uid, state in store.states().items()}

    return asyncio.run(read())


@pytest.mark.slow
def test_every_acknowledged_commit_survives_kill_9_at_any_instant(tmp_path):
    directory, acknowledgements = tmp_path / "state", tmp_path / "acknowledged"
    chance = random.Random(SEED)
    command = [sys.executable, __file__, str(directory), str(acknowledgements)]
    with subprocess.Popen(  # noqa: S603 — this very file
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as nursery:
        for _ in range(LIVES):
            nursery.stdin.write("live\n")
            pid = int(nursery.stdout.readline())
            time.sleep(chance.uniform(0.0, 0.2))
            os.kill(pid, signal.SIGKILL)
            assert nursery.stdout.readline() == "gone\n"
        nursery.stdin.close()
    acknowledged = set(acknowledgements.read_text().split())

    assert len(acknowledged) > LIVES
    _check(directory, acknowledged)


if __name__ == "__main__":
    _nursery(Path(sys.argv[1]), Path(sys.argv[2]))
