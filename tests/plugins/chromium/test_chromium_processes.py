"""Processes: read, killed, reaped; never a stranger."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from repaintd_chromium.leash import Leash
from repaintd_chromium.processes import (
    arguments,
    kill,
    memory_mib,
    processes_in,
    read_process,
    reap,
    status_field,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SLEEP = ["/bin/sh", "-c", "sleep 1000 & sleep 1000"]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process group of its own: a shell and two that sleep."""
    process = subprocess.Popen(SLEEP, start_new_session=True)  # noqa: S603 - ours
    yield process
    for member in processes_in({process.pid}):
        os.kill(member.pid, signal.SIGKILL)
    process.wait()


def test_a_process_is_read_from_proc() -> None:
    me = read_process(os.getpid())
    assert me is not None
    assert (me.parent, me.group, me.alive) == (os.getppid(), os.getpgid(0), True)
    assert memory_mib(me) > 1
    assert status_field(me, "Threads") >= 1
    assert status_field(me, "NoSuchField") == 0
    assert "python" in " ".join(arguments(me))


def test_what_is_not_there_reads_as_nothing() -> None:
    me = read_process(os.getpid())
    assert me is not None
    gone = replace(me, pid=2**22 + 1)
    assert read_process(gone.pid) is None
    assert arguments(gone) == []
    assert status_field(gone, "Threads") == 0
    assert processes_in(set()) == []
    kill(gone)


def test_kill_spares_a_process_that_got_the_same_pid_later(
    sleeper: subprocess.Popen[bytes],
) -> None:
    process = read_process(sleeper.pid)
    assert process is not None
    kill(replace(process, started=process.started - 1))
    assert sleeper.poll() is None
    kill(process)
    assert sleeper.wait(5) == -signal.SIGKILL


def test_reap_takes_our_dead_children_off_the_table() -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    dead = read_process(child)
    assert dead is not None
    assert not dead.alive
    reap(dead)
    assert read_process(child) is None
    reap(dead)


async def test_a_leash_kills_the_whole_group_even_without_its_leader(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    leash = leash_of(tmp_path, sleeper.pid)
    await asyncio.sleep(0.05)
    sleeper.kill()
    sleeper.wait()
    assert len(leash.members()) >= 1
    assert await leash.gone(5)
    assert not [each for each in processes_in({sleeper.pid}) if each.alive]
    assert leash.members() == processes_in({sleeper.pid})


async def test_a_leash_tells_of_a_death_at_once(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    leash, told = leash_of(tmp_path, sleeper.pid), asyncio.Queue[str]()
    leash.watch(told.put_nowait)
    sleeper.kill()
    assert await asyncio.wait_for(told.get(), 5) == "browser"
    assert await leash.gone(5)


async def test_a_leash_without_pids_has_nothing_to_kill(tmp_path: Path) -> None:
    leash = Leash(driver=tmp_path / "none", browser=tmp_path / "none")
    leash.watch(pytest.fail)
    assert leash.members() == []
    assert await leash.gone(1)
    assert await leash.gone(1)


async def test_a_leash_does_not_take_a_group_that_its_leader_does_not_lead(tmp_path: Path) -> None:
    assert leash_of(tmp_path, os.getpid()).members() == [] or os.getpgid(0) == os.getpid()


async def test_a_leash_says_when_something_survives(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    leash = leash_of(tmp_path, sleeper.pid)
    monkeypatch.setattr("repaintd_chromium.leash.kill", lambda _process: None)
    assert not await leash.gone(0.05)


def leash_of(directory: Path, browser: int) -> Leash:
    (directory / "browser").write_text(str(browser))
    return Leash(driver=directory / "driver", browser=directory / "browser")
