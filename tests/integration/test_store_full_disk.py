"""Promise D5 for the state: a disk that is really full, on a tmpfs of our own."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from repaintd.core.delivery import SinkRecord
from repaintd.core.intake import Intake, Push
from repaintd.core.state import BindingState, Trigger
from repaintd.errors import StoreUnavailable
from repaintd.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class HeldClock:
    def now(self) -> float:
        return 1.0

    def monotonic(self) -> float:
        return 1.0


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    directory = tmp_path / "disk"
    directory.mkdir()
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(directory)]
    if not (mount and unmount) or not _works(command):
        pytest.skip("a tmpfs cannot be mounted here (needs root)")
    yield directory
    subprocess.run([unmount, "-l", str(directory)], check=True)  # noqa: S603 — our own words


def _works(command: list[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603 — our own words


async def test_a_full_disk_is_not_fatal_to_the_state(tiny_disk):
    filler = tiny_disk / "filler"
    async with open_store(tiny_disk / "state", clock=HeldClock()) as store:
        await store.commit(BindingState(uid="first"))
        filler.write_bytes(b"x" * _free(tiny_disk))
        store.note(BindingState(uid="noted"))
        big = BindingState(uid="big", variables={"x": "x" * 100_000})
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="free space on its disk"):
                await store.commit(big)
        assert await store.events() == []
        filler.unlink()
        await store.commit(big)
    async with open_store(tiny_disk / "state", clock=HeldClock()) as store:
        assert set(store.states()) == {"first", "noted", "big"}


async def test_a_full_disk_is_not_fatal_to_triggers_and_deliveries(tiny_disk):
    filler = tiny_disk / "filler"
    big = _intake("id", b'"' + b"x" * 100_000 + b'"')
    async with open_store(tiny_disk / "state", clock=HeldClock()) as store:
        await store.keep_sink(SinkRecord(name="mqtt", cursor=0))
        assert (await store.accept(_intake("first", b"1"))).received == 1
        filler.write_bytes(b"x" * _free(tiny_disk))
        store.note_cursor("mqtt", 9)
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="free space on its disk"):
                await store.accept(big)
        assert await store.document("card") == b"1"
        filler.unlink()
        accepted = await store.accept(big)
        assert (accepted.received, accepted.duplicate) == (2, False)
    async with open_store(tiny_disk / "state", clock=HeldClock()) as store:
        assert store.received() == {"card": 2}
        assert store.sinks()["mqtt"].cursor == 9
        assert (await store.accept(big)).duplicate


def _intake(id_: str, payload: bytes) -> Intake:
    return Intake(
        uid="card", refresh_id=f"ref_{id_}", trigger=Trigger.WEBHOOK, at=1.0, seen=(id_,),
        push=Push(payload=payload),
    )  # fmt: skip


def _free(directory: Path) -> int:
    return shutil.disk_usage(directory).free
