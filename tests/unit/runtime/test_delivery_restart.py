"""What the next life knows of the one before, and what a failing database changes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from repaintd.core.delivery import SinkRecord
from repaintd.errors import DeliveryFailed, StoreUnavailable
from repaintd.runtime import sink_dead, sink_reader
from repaintd.testing.deliveries import DeliveryWorld
from repaintd.testing.sink import FakeSink
from repaintd.testing.store import MemoryEvents
from repaintd.testing.virtual_time import START, in_virtual_time, settled

HOOK = "webhooks/a"
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
SCHEDULE = (MINUTE, 5 * MINUTE, 30 * MINUTE)


async def take(event):
    pass


async def refuse(event):
    raise DeliveryFailed("status 500", status=500)


def sequences(events, uid="a"):
    return [event.sequence for event in events if event.uid == uid]


class Pruned(MemoryEvents):
    """Keeps the latest events only."""

    gone = 0

    async def __call__(self, after=0, limit=100):
        return await super().__call__(max(after, self.gone), limit)


@in_virtual_time
async def test_a_restart_keeps_attempts_and_due_times():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(refuse, retries=SCHEDULE)
    async with world.life():
        await world.happen("a", times=2)
        await asyncio.sleep(90)
    async with world.life():
        await asyncio.sleep(HOUR)
    assert [(told.at, told.event.sequence) for told in sink.attempts[:4]] == [
        (0, 1), (60, 1), (360, 1), (2_160, 1)
    ]  # fmt: skip
    assert [entry.dead for entry in world.store.owing.values()] == [True, False]


@in_virtual_time
async def test_what_was_due_while_nobody_ran_is_tried_at_once_in_order():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(refuse, retries=SCHEDULE)
    async with world.life():
        await world.happen("a", times=3)
        await settled()
    await asyncio.sleep(DAY)
    await world.happen("a")
    sink.answer = take
    async with world.life():
        await settled()
    assert sequences(sink.got) == [1, 2, 3, 4]
    assert {told.at for told in sink.attempts[1:]} == {DAY}
    assert not world.store.owing


@in_virtual_time
async def test_a_clock_that_was_set_back_puts_nothing_off_for_years():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(refuse, retries=SCHEDULE)
    async with world.life():
        await world.happen("a")
        await settled()
    key, entry = world.store.owing.popitem()
    world.store.owing[key] = replace(entry, due_at=START + 3_000 * DAY)
    sink.answer = take
    async with world.life():
        await asyncio.sleep(3 * HOUR)
        assert len(sink.got) == 1


@in_virtual_time
async def test_a_forgotten_cursor_repeats_with_the_same_id_and_bytes():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(retries=SCHEDULE)
    async with world.life():
        await world.happen("a", times=3)
        await settled()
    await world.store.keep_sink(replace(world.store.sinks()[HOOK], cursor=1))
    async with world.life():
        await settled()
    assert sequences(sink.got) == [1, 2, 3, 2, 3]
    assert sink.got[1:3] == sink.got[3:]


@in_virtual_time
async def test_entries_beyond_a_forgotten_cursor_are_not_taken_twice():
    world = DeliveryWorld()

    async def odd(event):
        if event.sequence % 2:
            raise DeliveryFailed("status 500")

    sink = world.sinks[HOOK] = FakeSink(odd, retries=(MINUTE,))
    async with world.life():
        for uid in "ab":
            await world.happen(uid, times=2)
        await asyncio.sleep(HOUR)  # the first ones are dead
        await world.happen("c", times=2)
        await settled()  # these wait
    await world.store.keep_sink(replace(world.store.sinks()[HOOK], cursor=0))
    before = len(sink.attempts)
    async with world.life():
        await settled()
        assert world.metric("dead_letters", sink=HOOK) == 2
        assert world.metric("outbox_pending", sink=HOOK) == 2
    assert sorted(told.event.id for told in sink.attempts[before:]) == ["evt_a_2", "evt_b_2"]


@in_virtual_time
async def test_a_database_that_was_put_back_does_not_stop_a_sink():
    world = DeliveryWorld()
    await world.store.keep_sink(SinkRecord(name=HOOK, cursor=5_000, fingerprint="as defined"))
    sink = world.sinks[HOOK] = FakeSink(retries=SCHEDULE)
    async with world.life():
        await world.happen("a", times=2)
        await settled()
    assert sequences(sink.got) == [1, 2]


@pytest.mark.parametrize("retries", [(), SCHEDULE])
def test_events_that_were_pruned_away_are_counted_and_said(retries):
    @in_virtual_time
    async def run():
        world = DeliveryWorld()
        world.store.events = Pruned()
        sink = world.sinks[HOOK] = FakeSink(retries=retries)
        async with world.life():
            await world.happen("a")
            await settled()
        await world.happen("a", times=20)
        world.store.events.gone = 15
        with capture_logs() as logs:
            async with world.life():
                await settled()
                lost = world.metric("deliveries_total", sink=HOOK, result="lost")
        assert lost == 14
        assert [(each["log_level"], each["count"]) for each in logs] == [("error", 14)]
        assert sequences(sink.got) == [1, *range(16, 22)]

    run()


@pytest.mark.parametrize("retries", [(), SCHEDULE])
def test_when_all_were_pruned_away_the_next_one_arrives(retries):
    @in_virtual_time
    async def run():
        world = DeliveryWorld()
        world.store.events = Pruned()
        sink = world.sinks[HOOK] = FakeSink(retries=retries)
        sink.held = True
        async with world.life() as deliveries:
            await world.happen("a", times=2_000)
            await settled()
            world.store.events.gone = 2_000
            world.history._ring.clear()
            sink.held = False
            deliveries.poke(HOOK)
            await settled()
            assert world.metric("deliveries_total", sink=HOOK, result="lost") == 2_000
            await world.happen("a")
            await settled()
        assert sequences(sink.got) == [2_001]

    run()


@in_virtual_time
async def test_what_waits_in_the_outbox_outlives_the_history():
    world = DeliveryWorld(ring=1)
    world.store.events = Pruned()
    sink = world.sinks[HOOK] = FakeSink(refuse, retries=SCHEDULE)
    async with world.life():
        await world.happen("a", times=600)
        await asyncio.sleep(30)
        world.store.events.gone = 599
        sink.answer = take
        await asyncio.sleep(30)
        await settled()
        assert world.metric("deliveries_total", sink=HOOK, result="lost") == 0
    assert sequences(sink.got) == list(range(1, 601))


@in_virtual_time
async def test_parked_and_dead_events_are_not_lost_when_the_history_forgets_them():
    world = DeliveryWorld()
    world.store.events = Pruned()
    sink = world.sinks[HOOK] = FakeSink(refuse, retries=SCHEDULE)
    async with world.life():
        await world.happen("a", times=3)
        await settled()
    await world.happen("b", times=3)
    world.store.events.gone = 5
    await world.store.keep_sink(replace(world.store.sinks()[HOOK], cursor=0))
    sink.answer = take
    async with world.life():
        await asyncio.sleep(HOUR)
        assert world.metric("deliveries_total", sink=HOOK, result="lost") == 2
    assert sequences(sink.got) == [1, 2, 3]
    assert sequences(sink.got, "b") == [3]


@in_virtual_time
async def test_an_entry_that_somebody_removed_stops_nobody():
    world = DeliveryWorld()
    world.store.events = Pruned()
    sink = world.sinks[HOOK] = FakeSink(refuse, retries=SCHEDULE)
    async with world.life():
        await world.happen("a", times=2)
        await settled()
        world.store.owing.pop((HOOK, 1))
        world.store.events.gone = 2
        world.history._ring.clear()
        sink.answer = take
        await asyncio.sleep(HOUR)
        assert world.metric("deliveries_total", sink=HOOK, result="lost") == 1
    assert sequences(sink.got) == [2]


@in_virtual_time
async def test_while_the_database_refuses_nothing_is_lost_and_nothing_passed_over():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(refuse, retries=SCHEDULE)
    with capture_logs() as logs:
        async with world.life():
            await world.happen("a", times=2)
            await world.happen("b")
            world.store.failure = StoreUnavailable("disk full")
            await asyncio.sleep(DAY)
            assert len(sink.attempts) == 2  # one for each binding, which nobody could remember
            assert world.store.sinks()[HOOK].cursor == 0
            assert not world.store.owing
            world.store.failure = None
            sink.answer = take
            await asyncio.sleep(HOUR)
    assert sequences(sink.got) == [1, 2]
    assert sequences(sink.got, "b") == [1]
    refused = [each for each in logs if each["event"].startswith("state database refused")]
    assert len(refused) == 2  # each of the two said it once


@in_virtual_time
async def test_a_database_that_refuses_at_the_start_delays_a_sink_only():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(retries=SCHEDULE)
    world.store.failure = StoreUnavailable("locked")
    async with world.life() as deliveries:
        await asyncio.sleep(HOUR)
        with pytest.raises(StoreUnavailable, match="try again"):
            await deliveries.resume(HOOK)
        world.store.failure = None
        await world.happen("a")  # happened after the sink was added
        await asyncio.sleep(MINUTE)
    assert sequences(sink.got) == [1]


@in_virtual_time
async def test_a_success_that_cannot_be_remembered_is_repeated_with_the_next_life_only():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(refuse, retries=SCHEDULE)
    async with world.life():
        await world.happen("a", times=2)
        await settled()
        sink.answer = take
        world.store.failure = StoreUnavailable("disk full")
        await asyncio.sleep(HOUR)
        assert sequences(sink.got) == [1]
    world.store.failure = None
    async with world.life():
        await settled()
    assert sequences(sink.got) == [1, 1, 2]


@in_virtual_time
async def test_a_history_that_cannot_be_read_delays_a_sink_only():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(retries=SCHEDULE)
    async with world.life():
        pass
    await world.happen("a", times=5)
    world.store.events.failure = StoreUnavailable("disk gone")
    async with world.life():
        await asyncio.sleep(HOUR)
        world.store.events.failure = None
        await asyncio.sleep(MINUTE)
    assert sequences(sink.got) == [1, 2, 3, 4, 5]


@in_virtual_time
async def test_a_slow_receiver_makes_nobody_read_far_ahead():
    world = DeliveryWorld()

    async def slow(event):
        await asyncio.sleep(10)

    world.sinks[HOOK] = FakeSink(slow, retries=SCHEDULE, concurrency=2)
    async with world.life() as deliveries:
        for number in range(500):
            await world.happen(f"b{number}", times=4)
        await asyncio.sleep(1_000)
        runner = deliveries._slots[HOOK].runner
        assert runner._lanes.fresh == sink_reader.FRESH_MOST
        assert len(runner._lanes._lanes) <= sink_reader.FRESH_MOST
        assert world.metric("outbox_pending", sink=HOOK) == 2_000 - 198


@in_virtual_time
async def test_too_many_waiting_events_stop_the_reading_and_are_said_once(monkeypatch):
    monkeypatch.setattr(sink_reader, "PARKED_MOST", 300)
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(refuse, retries=SCHEDULE)
    with capture_logs() as logs:
        async with world.life():
            for _ in range(20):
                await world.happen("a", times=100)
            await settled()
            assert 300 <= len(world.store.owing) <= 300 + sink_reader.FRESH_MOST
            cursor = world.store.sinks()[HOOK].cursor
            await asyncio.sleep(30)
            assert world.store.sinks()[HOOK].cursor == cursor == len(world.store.owing)
            assert world.metric("outbox_pending", sink=HOOK) == 2_000
            sink.answer = take
            await asyncio.sleep(HOUR)
    assert sequences(sink.got) == list(range(1, 2_001))
    assert [each["log_level"] for each in logs if "too many" in each["event"]] == ["error"]


@in_virtual_time
async def test_a_full_outbox_beyond_a_forgotten_cursor_is_read_up_to(monkeypatch):
    monkeypatch.setattr(sink_reader, "PARKED_MOST", 3)
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(refuse, retries=SCHEDULE)
    async with world.life():
        await world.happen("a", times=6)
        await settled()
    await world.store.drop_owed(HOOK, [1, 2])
    await world.store.keep_sink(replace(world.store.sinks()[HOOK], cursor=0))
    sink.answer = take
    async with world.life():
        await asyncio.sleep(HOUR)
    assert sequences(sink.got) == [1, 2, 3, 4, 5, 6]


@in_virtual_time
async def test_the_oldest_dead_letters_make_room(monkeypatch):
    monkeypatch.setattr(sink_dead, "MOST", 5)
    world = DeliveryWorld()
    world.sinks[HOOK] = FakeSink(refuse, retries=(MINUTE,))
    async with world.life():
        await world.happen("a", times=8)
        await asyncio.sleep(DAY)
        assert world.metric("dead_letters", sink=HOOK) == 5
    assert [position for _, position in world.store.owing] == [4, 5, 6, 7, 8]


@in_virtual_time
async def test_bodies_of_waiting_events_are_not_kept_in_memory():
    world = DeliveryWorld()
    world.sinks[HOOK] = FakeSink(refuse, retries=SCHEDULE)
    async with world.life() as deliveries:
        for number in range(300):
            await world.happen(f"b{number}", times=3)
        await settled()
        lanes = deliveries._slots[HOOK].runner._lanes
        assert (lanes.fresh, lanes.parked) == (0, 900)
        assert not any(lane.fresh for lane in lanes._lanes.values())
