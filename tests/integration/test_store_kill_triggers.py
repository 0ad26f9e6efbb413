"""Kill -9 at any instant: every trigger that was acknowledged is counted, merged and remembered.

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
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from repaintd.core.intake import Accepted, Intake, Push
from repaintd.core.state import Trigger
from repaintd.store import open_store

LIVES = 25
SEED = 3
UIDS = [f"b{number}" for number in range(6)]


class WallClock:
    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


def _intake(uid: str, number: int) -> Intake:
    """A trigger whose data leaves a mark of its own in the document."""
    return Intake(
        uid=uid,
        refresh_id=f"ref_{number}",
        trigger=Trigger.WEBHOOK,
        at=time.time(),
        seen=(f"id-{number}",),
        push=Push(payload=b'{"%d":%d}' % (number, number), merge="deepMerge"),
    )


async def _accept_for_ever(directory: Path, acknowledged: int, first: int) -> None:
    numbers = itertools.count(first)
    async with open_store(directory, clock=WallClock()) as store:

        async def one(uid: str) -> None:
            while True:
                number = next(numbers)
                accepted = await store.accept(_intake(uid, number))
                line = f"{uid} {number} {accepted.received} {accepted.duplicate}\n"
                os.write(acknowledged, line.encode())

        await asyncio.gather(*(one(uid) for uid in UIDS * 4))


def _nursery(directory: Path, acknowledgements: Path) -> None:
    for life, _ in enumerate(sys.stdin):
        pid = os.fork()
        if not pid:
            os.dup2(2, 1)  # the standard output speaks to the test
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            descriptor = os.open(acknowledgements, flags, 0o600)
            asyncio.run(_accept_for_ever(directory, descriptor, 1_000_000 * life))
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("gone", flush=True)


def _acknowledged(path: Path) -> dict[str, list[tuple[int, int]]]:
    """Number and count of each acknowledged trigger, by binding, in their order."""
    found = defaultdict(list)
    for line in path.read_text().splitlines():
        uid, number, received, duplicate = line.split()
        assert duplicate == "False"
        found[uid].append((int(number), int(received)))
    return found


async def _send_again(directory: Path, numbers: dict[str, list[int]]) -> list[Accepted]:
    async with open_store(directory, clock=WallClock()) as store:
        intakes = [_intake(uid, number) for uid, each in numbers.items() for number in each]
        answers = []
        for first in range(0, len(intakes), 1000):
            part = intakes[first : first + 1000]
            answers += await asyncio.gather(*(store.accept(each) for each in part))
        return answers


@pytest.mark.slow
def test_every_acknowledged_trigger_survives_kill_9_at_any_instant(tmp_path):
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

    acknowledged = _acknowledged(acknowledgements)
    assert sum(map(len, acknowledged.values())) > LIVES
    _check(directory, acknowledged)
    numbers = {uid: [number for number, _ in each] for uid, each in acknowledged.items()}
    assert all(each.duplicate for each in asyncio.run(_send_again(directory, numbers)))


def _check(directory: Path, acknowledged: dict[str, list[tuple[int, int]]]) -> None:
    with closing(sqlite3.connect(directory / "state.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = {
            row[0]: row[1:] for row in database.execute("SELECT uid, received, document FROM inbox")
        }
        seen = dict(database.execute("SELECT uid, count(*) FROM seen GROUP BY uid"))
    for uid, each in acknowledged.items():
        received, document = rows[uid]
        marks = orjson.loads(document).keys()
        counts = [count for _, count in each]
        assert counts == sorted(set(counts))
        assert counts[-1] <= received
        assert {str(number) for number, _ in each} <= marks
        assert len(marks) == received == seen[uid]


if __name__ == "__main__":
    _nursery(Path(sys.argv[1]), Path(sys.argv[2]))
