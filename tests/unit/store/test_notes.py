from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from repaintd.store import read_states


async def test_a_note_is_written_with_the_next_durable_commit(opened, make_state, tmp_path):
    async with opened() as store:
        store.note(make_state("polled", error_count=1))
        await store.commit(make_state("other"))

        assert set(await read_states(tmp_path / "state")) == {"polled", "other"}


async def test_a_note_is_written_when_the_store_closes(opened, make_state):
    async with opened() as store:
        store.note(make_state(error_count=1))
        store.note(make_state(error_count=2))
    async with opened() as store:
        assert store.states()["card"].error_count == 2


async def test_any_number_of_notes_is_written_when_the_store_closes(opened, make_state):
    async with opened() as store:
        for number in range(1200):
            store.note(make_state(f"b{number}"))
    async with opened() as store:
        assert len(store.states()) == 1200


async def test_a_note_is_written_when_the_interval_is_over(opened, make_state, tmp_path):
    async with opened(flush_interval=0.01) as store:
        for number in range(1200):
            store.note(make_state(f"b{number}"))
        async with asyncio.timeout(10):
            while len(await read_states(tmp_path / "state")) < 1200:
                await asyncio.sleep(0.01)


async def test_a_note_never_overwrites_a_later_commit(opened, make_state):
    async with opened() as store:
        store.note(make_state(error_count=1))
        await store.commit(make_state(error_count=2))
    async with opened() as store:
        assert store.states()["card"].error_count == 2


async def test_a_commit_never_overwrites_a_later_note(opened, make_state):
    async with opened() as store:
        commit = asyncio.ensure_future(store.commit(make_state(error_count=1)))
        await asyncio.sleep(0)
        store.note(make_state(error_count=2))
        await commit
    async with opened() as store:
        assert store.states()["card"].error_count == 2


async def test_a_later_note_survives_when_a_batch_is_written_one_by_one(
    opened, make_state, make_event
):
    async with opened() as store:
        store.note(make_state("early", error_count=1))
        commits = asyncio.gather(
            store.commit(make_state("early", error_count=2)),
            store.commit(make_state("late", error_count=1)),
            store.commit(make_state("bad"), [make_event(sequence=2**70)]),
            return_exceptions=True,
        )
        await asyncio.sleep(0)
        store.note(make_state("late", error_count=2))
        await commits
    async with opened() as store:
        states = store.states()
    assert (states["early"].error_count, states["late"].error_count) == (2, 2)


async def test_a_note_that_is_no_json_is_dropped_alone_and_logged(opened, make_state):
    with capture_logs() as logs:
        async with opened() as store:
            store.note(make_state("bad", variables={"what": object()}))
            store.note(make_state("good"))
    async with opened() as store:
        assert set(store.states()) == {"good"}
    assert [(each["event"], each["uid"]) for each in logs] == [("state cannot be stored", "bad")]


async def test_a_note_that_the_database_refuses_is_dropped_alone_and_logged(opened, make_state):
    with capture_logs() as logs:
        async with opened() as store:
            store.note(make_state("\ud800"))
            store.note(make_state("good"))
    async with opened() as store:
        assert set(store.states()) == {"good"}
    assert [each["event"] for each in logs] == ["state cannot be stored"]
