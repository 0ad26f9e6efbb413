from __future__ import annotations

import asyncio
import stat
import threading
from typing import TYPE_CHECKING

import orjson
import pytest
from structlog.testing import capture_logs

from repaintd.errors import StoreUnavailable
from repaintd.store import read_states

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_new_directory_holds_nothing(opened):
    async with opened() as store:
        assert store.states() == {}
        assert await store.events() == []


async def test_a_committed_state_is_there_after_reopening(opened, make_state):
    state = make_state(error_count=3, variables={"stars": 5})
    async with opened() as store:
        await store.commit(state)
    async with opened() as store:
        assert store.states() == {"card": state}


async def test_a_commit_is_durable_before_it_returns(opened, make_state, tmp_path):
    async with opened() as store:
        await store.commit(make_state(error_count=1))

        assert (await read_states(tmp_path / "state"))["card"].error_count == 1


async def test_states_are_handed_over_once_and_no_copy_is_kept(opened):
    async with opened() as store:
        store.states()
        with pytest.raises(RuntimeError, match="handed over"):
            store.states()


async def test_commits_that_wait_together_share_one_transaction(opened, make_state):
    async with opened() as store:
        versions = await _transactions_of(
            store, [store.commit(make_state(f"b{number}")) for number in range(64)]
        )
    assert versions <= 2


async def _transactions_of(store, commits) -> int:
    """How often the database changed for another connection while *commits* ran."""
    query = "PRAGMA data_version"
    ((before,),) = await store._reader._database.execute_fetchall(query)
    changes = 0

    async def watch() -> None:
        nonlocal before, changes
        while True:
            ((now,),) = await store._reader._database.execute_fetchall(query)
            changes += now != before
            before = now

    watcher = asyncio.create_task(watch())
    await asyncio.gather(*commits)
    await asyncio.sleep(0)
    watcher.cancel()
    await asyncio.wait([watcher])
    return changes


async def test_of_several_commits_in_one_transaction_the_latest_wins(opened, make_state):
    async with opened() as store:
        await asyncio.gather(*(store.commit(make_state(error_count=n)) for n in range(20)))
    async with opened() as store:
        assert store.states()["card"].error_count == 19


async def test_an_event_is_kept_with_the_bytes_of_its_first_body(opened, make_state, make_event):
    event = make_event(data={"uid": "card", "changed": ["stars"]})
    async with opened() as store:
        await store.commit(make_state(), [event])
    async with opened() as store:
        (stored,) = await store.events()

    assert stored.body == orjson.dumps(event.body())
    assert (stored.id, stored.name, stored.uid) == (event.id, event.name, event.uid)
    assert (stored.sequence, stored.at) == (event.sequence, event.at)


async def test_an_event_that_is_committed_again_keeps_its_first_bytes(
    opened, make_state, make_event
):
    async with opened() as store:
        await store.commit(make_state(), [make_event(data={"try": 1})])
        await store.commit(make_state(sequence=1), [make_event(data={"try": 2})])
        (stored,) = await store.events()

    assert orjson.loads(stored.body)["data"] == {"try": 1}


async def test_events_are_read_on_from_a_cursor(opened, make_state, make_event):
    async with opened() as store:
        for sequence in range(1, 8):
            await store.commit(make_state(sequence=sequence), [make_event(sequence)])
        first = await store.events(limit=3)
        rest = await store.events(after=first[-1].position)

    assert [each.sequence for each in [*first, *rest]] == [1, 2, 3, 4, 5, 6, 7]
    assert [each.position for each in [*first, *rest]] == list(range(1, 8))


async def test_a_limit_below_one_reads_nothing(opened, make_state, make_event):
    async with opened() as store:
        await store.commit(make_state(), [make_event()])
        assert await store.events(limit=-1) == []


async def test_events_are_pruned_to_the_latest_in_small_steps(opened, make_state, make_event):
    async with opened(keep_events=10) as store:
        for sequence in range(1, 31):
            await store.commit(make_state(sequence=sequence), [make_event(sequence)])
        kept = await store.events(limit=100)

    assert [each.sequence for each in kept] == list(range(21, 31))


async def test_a_forgotten_binding_loses_its_state_and_keeps_its_events(
    opened, make_state, make_event
):
    async with opened() as store:
        await store.commit(make_state(), [make_event()])
        store.note(make_state(error_count=7))
        await store.forget("card")
        assert len(await store.events()) == 1
    async with opened() as store:
        assert store.states() == {}


async def test_a_binding_that_comes_back_after_being_forgotten_is_kept(opened, make_state):
    async with opened() as store:
        await asyncio.gather(
            store.commit(make_state(error_count=1)),
            store.forget("card"),
            store.commit(make_state(error_count=2)),
        )
    async with opened() as store:
        assert store.states()["card"].error_count == 2


async def test_a_probe_writes(opened):
    async with opened() as store:
        await store.probe()
        ((at,),) = await store._reader._database.execute_fetchall("SELECT at FROM probe")
    assert at == 1_700_000_000.0


async def test_a_state_that_is_no_json_fails_alone(opened, make_state):
    async with opened() as store:
        results = await asyncio.gather(
            store.commit(make_state("a")),
            store.commit(make_state("b", variables={"what": object()})),
            store.commit(make_state("c")),
            return_exceptions=True,
        )
    assert [type(each) for each in results] == [type(None), TypeError, type(None)]
    async with opened() as store:
        assert set(store.states()) == {"a", "c"}


async def test_a_row_that_the_database_refuses_fails_alone(opened, make_state, make_event):
    too_big = make_event(sequence=2**70)
    async with opened() as store:
        results = await asyncio.gather(
            store.commit(make_state("a")),
            store.commit(make_state("b"), [too_big]),
            store.commit(make_state("c")),
            return_exceptions=True,
        )
    assert [type(each) for each in results] == [type(None), StoreUnavailable, type(None)]
    async with opened() as store:
        assert set(store.states()) == {"a", "c"}


async def test_a_closed_store_refuses_and_forgives_notes(opened, make_state):
    async with opened() as store:
        pass
    store.note(make_state())
    with pytest.raises(StoreUnavailable, match="stopping"):
        await store.commit(make_state())
    with pytest.raises(StoreUnavailable):
        await store.events()


async def test_commits_under_way_are_finished_when_the_store_closes(opened, make_state):
    async with opened() as store:
        waiting = asyncio.gather(*(store.commit(make_state(f"b{n}")) for n in range(10)))
        await asyncio.sleep(0)
    await waiting
    async with opened() as store:
        assert len(store.states()) == 10


async def test_only_the_daemons_user_can_read_the_directory_and_its_files(opened, tmp_path: Path):
    async with opened() as store:
        await store.probe()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in _files(tmp_path)}
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}
    assert "state.sqlite3-wal" in modes


def _files(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "state").iterdir())


async def _stop_disk(store) -> tuple[threading.Event, asyncio.Task]:
    """The writing connection does nothing until the event is set, as on a disk that hangs."""
    go_on = threading.Event()
    database = store._writer._database
    await database.create_function("hold", 0, go_on.wait)
    holding = asyncio.create_task(database.execute_fetchall("SELECT hold()"), name="holding")
    await asyncio.sleep(0)
    return go_on, holding


async def test_a_caller_hears_when_the_disk_does_not_answer(opened, make_state, monkeypatch):
    monkeypatch.setattr("repaintd.store.writer.DEADLINE", 0.01)
    async with opened() as store:
        go_on, holding = await _stop_disk(store)
        with pytest.raises(StoreUnavailable, match="did not answer"):
            await store.commit(make_state())
        go_on.set()
        await holding
        monkeypatch.undo()
        await store.probe()


async def test_a_reader_hears_when_the_database_does_not_answer(opened, monkeypatch):
    async with opened() as store:
        monkeypatch.setattr("repaintd.store.reader.DEADLINE", 0.0)
        with pytest.raises(StoreUnavailable, match="TimeoutError"):
            await store.events()


async def test_closing_does_not_wait_for_ever_and_says_what_is_lost(
    opened, make_state, monkeypatch
):
    monkeypatch.setattr("repaintd.store.opening._CLOSE_DEADLINE", 0.01)
    with capture_logs() as logs:
        async with opened() as store:
            go_on, holding = await _stop_disk(store)
            store.note(make_state())
            asyncio.get_running_loop().call_later(0.1, go_on.set)
    await holding
    assert "some writes are lost" in logs[0]["event"]
