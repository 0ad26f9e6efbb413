"""The durable history of events."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import orjson
import pytest

from repaintd.core.event import WEBHOOK_DISABLED
from repaintd.errors import StoreUnavailable


async def test_the_latest_position_is_known(either, make_state, make_event):
    assert either.latest == 0
    for sequence in (1, 2, 3):
        await either.commit(make_state(), [make_event(sequence)])
        assert either.latest == sequence


async def test_the_latest_position_is_known_after_reopening(opened, make_state, make_event):
    async with opened(keep_events=2) as store:
        for sequence in range(1, 8):
            await store.commit(make_state(), [make_event(sequence)])
    async with opened() as store:
        assert store.latest == 7


async def test_whoever_asked_hears_of_new_events_when_they_can_be_read(
    either, make_state, make_event
):
    heard = []
    either.on_events(lambda: heard.append(either.latest))
    await either.commit(make_state())
    assert heard == []
    await either.commit(make_state(), [make_event(1), make_event(2)])
    await asyncio.sleep(0)
    assert heard == [2]
    await either.announce(WEBHOOK_DISABLED, {})
    await asyncio.sleep(0)
    assert heard == [2, 3]
    assert len(await either.events()) == 3


async def test_nobody_hears_of_events_that_were_not_written(
    opened, make_state, make_event, tmp_path
):
    heard = []
    async with opened() as store:
        store.on_events(lambda: heard.append(store.latest))
        with closing(sqlite3.connect(tmp_path / "state" / "state.sqlite3")) as other:
            other.isolation_level = None
            other.execute("BEGIN IMMEDIATE")
            for attempt in (
                store.commit(make_state(), [make_event()]),
                store.announce(WEBHOOK_DISABLED, {}),
            ):
                with pytest.raises(StoreUnavailable):
                    await attempt
            other.execute("ROLLBACK")
        assert (heard, store.latest) == ([], 0)
        assert (await store.announce(WEBHOOK_DISABLED, {})).sequence == 1


async def test_an_event_that_was_there_already_is_no_news(opened, make_state, make_event):
    heard = []
    async with opened() as store:
        await store.commit(make_state(), [make_event()])
        store.on_events(lambda: heard.append(store.latest))
        await store.commit(make_state(), [make_event()])
        await asyncio.sleep(0)
    assert heard == []


async def test_events_are_found_by_their_id(either, make_state, make_event):
    await either.commit(make_state(), [make_event(1), make_event(2)])
    assert await either.position_of("evt_card_2") == 2
    assert await either.position_of("evt_nobody") is None


async def test_an_event_of_the_daemon_carries_its_id_and_its_number(either, clock):
    first = await either.announce(WEBHOOK_DISABLED, {"uid": "hook"})
    second = await either.announce(WEBHOOK_DISABLED, {"uid": "hook"})
    stored = await either.events()

    assert (first.uid, first.name, first.at) == ("", WEBHOOK_DISABLED, clock.now())
    assert (first.sequence, second.sequence) == (1, 2)
    assert first.data == {"uid": "hook", "eventId": first.id}
    assert [each.id for each in stored] == [first.id, second.id]
    assert stored[0].body == orjson.dumps(first.body())
    assert first.id.startswith("evt_")
    assert first.id != second.id


async def test_events_of_the_daemon_are_numbered_without_holes_at_once_and_on(opened):
    async with opened() as store:
        events = await asyncio.gather(*(store.announce("a", {"n": n}) for n in range(50)))
        assert [each.sequence for each in events] == list(range(1, 51))
    async with opened(keep_events=1) as store:
        assert (await store.announce("a", {})).sequence == 51


async def test_numbers_go_on_when_the_events_of_the_daemon_are_pruned(
    opened, make_state, make_event
):
    async with opened(keep_events=2) as store:
        first = await store.announce("a", {})
        for sequence in range(1, 8):
            await store.commit(make_state(), [make_event(sequence)])
    async with opened() as store:
        assert await store.position_of(first.id) is None
        assert (await store.announce("a", {})).sequence == 2


async def test_events_of_two_daemons_have_different_ids(opened, tmp_path):
    ids = set()
    for name in ("one", "two"):
        async with opened(tmp_path / name) as store:
            ids.add((await store.announce("a", {})).id)
    assert len(ids) == 2


async def test_cancelled_announcements_leave_no_hole_and_no_event_of_the_same_number(opened):
    async with opened() as store:
        for _ in range(20):
            task = asyncio.create_task(store.announce("a", {}))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        await store.announce("a", {})
        sequences = [each.sequence for each in await store.events()]
    assert sequences == list(range(1, len(sequences) + 1))


async def test_an_announcement_that_is_no_json_is_refused_alone(opened):
    async with opened() as store:
        results = await asyncio.gather(
            store.announce("a", {}),
            store.announce("a", {"what": object()}),
            store.announce("a", {}),
            return_exceptions=True,
        )
        assert isinstance(results[1], TypeError)
        assert [results[0].sequence, results[2].sequence] == [1, 2]


async def test_announcements_are_numbered_when_a_batch_is_written_one_by_one(
    opened, make_state, make_event
):
    async with opened() as store:
        results = await asyncio.gather(
            store.announce("a", {}),
            store.commit(make_state(), [make_event(sequence=2**70)]),
            store.announce("a", {}),
            return_exceptions=True,
        )
        assert [results[0].sequence, results[2].sequence] == [1, 2]
        assert isinstance(results[1], StoreUnavailable)


@pytest.mark.parametrize("after", [2**63, 2**100])
async def test_nothing_is_behind_a_cursor_beyond_all(either, make_state, make_event, after):
    await either.commit(make_state(), [make_event()])
    assert await either.events(after) == []


async def test_a_cursor_before_all_is_the_start(either, make_state, make_event):
    await either.commit(make_state(), [make_event()])
    assert len(await either.events(-(2**70))) == 1


async def test_an_id_that_no_database_takes_is_said_to_be_unreadable(opened):
    async with opened() as store:
        with pytest.raises(StoreUnavailable):
            await store.position_of("\ud800")
