from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from repaintd.errors import StartupFailed, StoreUnavailable
from repaintd.store import read_states
from repaintd.store.codec import encode_state
from repaintd.store.database import _use_wal, prepare
from repaintd.store.event import event_row
from repaintd.store.lock import locked
from repaintd.store.migration import Migration, migrate, migrations, schema_version

if TYPE_CHECKING:
    from pathlib import Path

    from repaintd.store.contents import Contents


def _database(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.sqlite3"


async def _filled(opened, make_state) -> None:
    async with opened() as store:
        for number in range(200):
            store.note(make_state(f"b{number}", body_hash="x" * 500))


async def test_a_second_daemon_is_refused_with_the_pid_of_the_first(opened):
    async with opened():
        with pytest.raises(StartupFailed, match=rf"another repaintd \(pid {os.getpid()}\) uses"):
            async with opened():
                pass


async def test_the_directory_is_free_again_after_closing(opened):
    async with opened():
        pass
    async with opened():
        pass


def test_the_lock_goes_with_its_process(tmp_path):
    code = (
        "import sys, os, pathlib; from repaintd.store.lock import locked\n"
        "with locked(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)  # noqa: S603 — our own words
    with locked(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_that_is_a_symlink_is_refused(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StartupFailed, match="cannot open"), locked(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def flock(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(StartupFailed, match="local file system"), locked(tmp_path):
        pass


async def test_a_state_directory_that_is_a_file_is_named(opened, tmp_path):
    (tmp_path / "state").write_text("")
    with pytest.raises(StartupFailed, match="state"):
        async with opened():
            pass


async def test_a_state_directory_below_a_file_is_named(opened, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupFailed, match="cannot create the state directory"):
        async with opened(tmp_path / "file" / "state"):
            pass


async def test_a_database_that_is_a_directory_is_named(opened, tmp_path):
    _database(tmp_path).mkdir(parents=True)
    with pytest.raises(StartupFailed, match=r"cannot open .*sqlite3"):
        async with opened():
            pass


async def test_a_newer_schema_asks_for_an_upgrade_and_is_left_alone(opened, tmp_path):
    async with opened():
        pass
    with closing(sqlite3.connect(_database(tmp_path))) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(StartupFailed, match=r"schema version 99.*upgrade repaintd"):
        async with opened():
            pass
    with pytest.raises(StoreUnavailable, match="schema version 99"):
        await read_states(tmp_path / "state")


async def test_a_file_that_is_no_database_is_named_with_the_remedy_and_kept(opened, tmp_path):
    _database(tmp_path).parent.mkdir()
    _database(tmp_path).write_bytes(b"not a database" * 1000)
    with pytest.raises(StartupFailed, match=r"state\.sqlite3 is damaged .* move it away"):
        async with opened():
            pass
    assert _database(tmp_path).read_bytes() == b"not a database" * 1000


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
async def test_a_damaged_page_is_found_at_the_start(opened, make_state, tmp_path, part):
    await _filled(opened, make_state)
    size = _database(tmp_path).stat().st_size
    with _database(tmp_path).open("r+b") as file:
        file.seek(int(size * part) // 4096 * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(StartupFailed, match=r"is damaged .*nothing was deleted"):
        async with opened():
            pass


async def test_a_locked_database_at_the_start_names_the_remedy(opened, tmp_path):
    async with opened():
        pass
    with closing(sqlite3.connect(_database(tmp_path), isolation_level=None)) as database:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StartupFailed, match="end the other process"):
            async with opened():
                pass


async def test_one_unreadable_state_does_not_keep_the_others_from_starting(
    opened, make_state, tmp_path
):
    async with opened() as store:
        await store.commit(make_state("good"))
    with closing(sqlite3.connect(_database(tmp_path))) as database, database:
        database.execute("INSERT INTO states VALUES ('bad', '{', 0), ('worse', '[]', 0)")
    async with opened() as store:
        assert set(store.states()) == {"good"}


def test_a_file_system_without_shared_memory_is_named(tmp_path):
    with (
        closing(sqlite3.connect(":memory:")) as database,
        pytest.raises(StartupFailed, match="local file system"),
    ):
        _use_wal(database, tmp_path / "state.sqlite3")


async def test_a_start_that_is_cancelled_keeps_the_lock_until_its_thread_is_done(
    opened, tmp_path, monkeypatch
):
    go_on, begun = threading.Event(), threading.Event()

    def slow(path: Path, *, busy_timeout: float) -> Contents:
        begun.set()
        go_on.wait(10)
        return prepare(path, busy_timeout=busy_timeout)

    monkeypatch.setattr("repaintd.store.opening.prepare", slow)
    starting = asyncio.create_task(opened().__aenter__(), name="starting")
    await asyncio.to_thread(begun.wait, 10)
    starting.cancel()
    await asyncio.sleep(0)
    with pytest.raises(StartupFailed, match="another repaintd"), locked(tmp_path / "state"):
        pass
    go_on.set()
    await asyncio.wait([starting])
    assert starting.cancelled()
    monkeypatch.undo()
    async with opened():
        pass


async def test_states_are_read_without_a_daemon(opened, make_state, tmp_path):
    async with opened() as store:
        await store.commit(make_state(error_count=4))

    assert (await read_states(tmp_path / "state"))["card"].error_count == 4


async def test_there_are_no_states_where_no_daemon_ever_ran(tmp_path):
    assert await read_states(tmp_path) == {}
    (tmp_path / "state.sqlite3").write_bytes(b"")
    assert await read_states(tmp_path) == {}


async def test_states_of_a_damaged_database_are_an_error(tmp_path):
    (tmp_path / "state.sqlite3").write_bytes(b"nonsense" * 1000)
    with pytest.raises(StoreUnavailable, match="damaged"):
        await read_states(tmp_path)


def test_migrations_are_numbered_from_one_without_holes():
    assert [step.number for step in migrations()] == list(range(1, len(migrations()) + 1))


def test_the_database_of_every_old_version_is_brought_up_to_date(tmp_path):
    steps = migrations()
    for version in range(len(steps) + 1):
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
            migrate(database, steps[:version])
            migrate(database, steps)
            assert schema_version(database) == steps[-1].number
            migrate(database, steps)


def test_a_migration_that_fails_leaves_the_database_as_the_one_before():
    good = Migration(number=1, name="0001_a.sql", sql="CREATE TABLE a (x);")
    bad = Migration(number=2, name="0002_b.sql", sql="CREATE TABLE b (x); SELECT nonsense;")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        with pytest.raises(sqlite3.OperationalError):
            migrate(database, [good, bad])
        assert schema_version(database) == 1
        assert not database.in_transaction
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("a",)]


async def test_a_database_of_the_first_schema_keeps_its_states_and_events(
    opened, make_state, make_event, tmp_path
):
    states = {f"b{number}": make_state(f"b{number}", error_count=number) for number in range(20)}
    rows = [event_row(make_event(number)) for number in range(5, 25)]
    _database(tmp_path).parent.mkdir()
    with closing(sqlite3.connect(_database(tmp_path), isolation_level=None)) as database:
        migrate(database, migrations()[:1])
        database.executemany(
            "INSERT INTO states VALUES (?, ?, 1.5)",
            [(uid, encode_state(state)) for uid, state in states.items()],
        )
        database.executemany(
            "INSERT INTO events (id, name, uid, sequence, at, body) VALUES (?, ?, ?, ?, ?, ?)", rows
        )
    assert await read_states(tmp_path / "state") == states
    async with opened() as store:
        assert store.states() == states
        assert (store.received(), dict(store.sinks()), store.latest) == ({}, {}, 20)
        kept = await store.events()
        assert (await store.announce("a", {})).sequence == 1
        assert store.latest == 21
    assert [(e.id, e.name, e.uid, e.sequence, e.at, e.body) for e in kept] == rows
    assert await read_states(tmp_path / "state") == states
