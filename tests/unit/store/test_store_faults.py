from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from repaintd.errors import StoreUnavailable
from repaintd.store import read_states

if TYPE_CHECKING:
    from pathlib import Path


def _other_process(tmp_path: Path) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "state" / "state.sqlite3", isolation_level=None)


async def test_a_locked_database_fails_the_callers_and_recovers_by_itself(
    opened, make_state, tmp_path
):
    async with opened() as store:
        with closing(_other_process(tmp_path)) as other:
            other.execute("BEGIN IMMEDIATE")
            for attempt in (store.commit(make_state()), store.forget("x"), store.probe()):
                with pytest.raises(StoreUnavailable, match="end the other process"):
                    await attempt
            assert await store.events() == []
            other.execute("ROLLBACK")
        await store.commit(make_state(error_count=1))
        assert store.write_errors == 3
    async with opened() as store:
        assert store.states()["card"].error_count == 1


async def test_notes_wait_out_a_locked_database(opened, make_state, tmp_path):
    async with opened(flush_interval=0.01) as store:
        with closing(_other_process(tmp_path)) as other:
            other.execute("BEGIN IMMEDIATE")
            store.note(make_state(error_count=5))
            while store.write_errors < 2:
                await asyncio.sleep(0.01)
            other.execute("ROLLBACK")
        async with asyncio.timeout(10):
            while not await read_states(tmp_path / "state"):
                await asyncio.sleep(0.01)


async def test_a_failed_commit_leaves_the_note_before_it_waiting(opened, make_state, tmp_path):
    async with opened() as store:
        store.note(make_state(error_count=1))
        with closing(_other_process(tmp_path)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable):
                await store.commit(make_state(error_count=2))
            other.execute("ROLLBACK")
    async with opened() as store:
        assert store.states()["card"].error_count == 1


async def test_failing_and_recovering_are_each_logged_once(opened, make_state, tmp_path):
    with capture_logs() as logs:
        async with opened() as store:
            with closing(_other_process(tmp_path)) as other:
                other.execute("BEGIN IMMEDIATE")
                for _ in range(3):
                    with pytest.raises(StoreUnavailable):
                        await store.commit(make_state())
                other.execute("ROLLBACK")
            for _ in range(3):
                await store.commit(make_state())
    assert [(each["log_level"], each["event"]) for each in logs] == [
        ("error", "state database cannot be written"),
        ("info", "state database can be written again"),
    ]


async def test_notes_that_cannot_be_written_at_the_end_are_counted_in_the_log(
    opened, make_state, tmp_path
):
    with capture_logs() as logs, closing(_other_process_later(tmp_path)) as other:
        async with opened() as store:
            store.note(make_state("a"))
            store.note(make_state("b"))
            other.execute("ATTACH ? AS locked", (str(tmp_path / "state" / "state.sqlite3"),))
            other.execute("BEGIN IMMEDIATE")
            other.execute("DELETE FROM locked.states")
        other.execute("ROLLBACK")
    assert logs[-1] == {
        "event": "notes of unchanged polls were not written",
        "log_level": "error",
        "count": 2,
    }


def _other_process_later(tmp_path: Path) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "other.sqlite3", isolation_level=None)


async def test_a_full_disk_fails_the_callers_and_recovers_by_itself(opened, make_state, make_event):
    big = make_state("big", variables={"x": "x" * 200_000})
    async with opened() as store:
        await store.commit(make_state("small"))
        await store._writer._database.execute("PRAGMA max_page_count = 40")
        store.note(make_state("noted"))
        with pytest.raises(StoreUnavailable, match="free space on its disk"):
            await store.commit(big, [make_event(uid="big")])
        assert await store.events() == []

        await store.commit(make_state("small", error_count=1))
        await store._writer._database.execute("PRAGMA max_page_count = 1000000")
        await store.commit(big, [make_event(uid="big")])
        assert len(await store.events()) == 1
    async with opened() as store:
        states = store.states()
    assert states["small"].error_count == 1
    assert set(states) == {"small", "noted", "big"}


async def test_a_transaction_that_fails_half_way_is_rolled_back(opened, make_state, tmp_path):
    async with opened() as store:
        with closing(_other_process(tmp_path)) as other:
            other.execute("DROP TABLE probe")
            with pytest.raises(StoreUnavailable, match="no such table"):
                await store.probe()
            assert not store._writer._database.in_transaction
            other.execute("CREATE TABLE probe (id INTEGER PRIMARY KEY, at REAL)")
        await store.probe()


async def test_what_cannot_be_read_is_said_to_be_unavailable(opened, tmp_path):
    async with opened() as store:
        with closing(_other_process(tmp_path)) as other:
            for table in ("inbox", "outbox", "deliveries", "events"):
                other.execute(f"DROP TABLE {table}")
        for read in (
            store.document("card"),
            store.owed("mqtt"),
            store.deliveries(),
            store.delivery("del_1"),
            store.events(),
            store.position_of("evt_1"),
        ):
            with pytest.raises(StoreUnavailable, match="no such table"):
                await read
