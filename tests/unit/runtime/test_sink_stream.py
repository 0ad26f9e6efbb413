"""Sinks without a schedule of retries: all in order, each until it works."""

from __future__ import annotations

import asyncio
import itertools

from structlog.testing import capture_logs

from repaintd.errors import DeliveryFailed
from repaintd.testing.deliveries import DeliveryWorld
from repaintd.testing.sink import FakeSink
from repaintd.testing.virtual_time import in_virtual_time, settled

HOUR = 3_600.0


async def take(event):
    pass


async def refuse(event):
    raise DeliveryFailed("no broker")


def positions(events):
    return [event.position for event in events]


@in_virtual_time
async def test_a_broker_that_is_away_for_a_day_gets_everything_in_order():
    world = DeliveryWorld()
    sink = world.sinks["mqtt"] = FakeSink(refuse)
    with capture_logs() as logs:
        async with world.life():
            for number in range(100):
                await world.happen(f"b{number % 7}", times=20)
            await asyncio.sleep(24 * HOUR)
            assert world.store.sinks()["mqtt"].cursor == 0
            assert world.metric("outbox_pending", sink="mqtt") == 2_000
            assert {told.event.position for told in sink.attempts} == {1}
            sink.answer = take
            await asyncio.sleep(300)
            assert positions(sink.got) == list(range(1, 2_001))
            assert world.store.sinks()["mqtt"].cursor == 2_000
            assert world.metric("outbox_pending", sink="mqtt") == 0
    assert [each["event"] for each in logs] == ["sink fails; trying again", "sink works again"]
    assert not world.store.owing
    assert not world.store.log


@in_virtual_time
async def test_waits_double_up_to_five_minutes_and_chance_shortens_them():
    world = DeliveryWorld(dice=lambda: 0.5)
    sink = world.sinks["mqtt"] = FakeSink(refuse)
    async with world.life():
        await world.happen("a")
        await asyncio.sleep(2 * HOUR)
        assert world.metric("deliveries_total", sink="mqtt", result="error") == len(sink.attempts)
    times = [told.at for told in sink.attempts]
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert steps[:10] == [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 150]
    assert set(steps[10:]) == {150}


@in_virtual_time
async def test_an_attempt_that_was_long_itself_is_followed_by_the_next_one_at_once():
    world = DeliveryWorld(dice=lambda: 0.999)
    back = asyncio.Event()

    async def patient(event):
        try:
            async with asyncio.timeout(400):
                await back.wait()
        except TimeoutError as exc:
            raise DeliveryFailed("no broker") from exc

    sink = world.sinks["mqtt"] = FakeSink(patient, timeout=600)
    async with world.life():
        await world.happen("a", times=3)
        await asyncio.sleep(9 * HOUR)
        assert len(sink.attempts) == 81
        back.set()
        await asyncio.sleep(0.2)
        assert len(sink.got) == 3


@in_virtual_time
async def test_a_pause_that_was_asked_for_is_made_however_long_the_attempt_was():
    world = DeliveryWorld()

    async def slow(event):
        await asyncio.sleep(400)
        raise DeliveryFailed("not now", retry_after=500.0)

    sink = world.sinks["mqtt"] = FakeSink(slow, timeout=600)
    async with world.life():
        await world.happen("a")
        await asyncio.sleep(950)
    assert [told.at for told in sink.attempts] == [0, 900]


@in_virtual_time
async def test_every_event_begins_with_short_waits_again():
    world = DeliveryWorld(dice=lambda: 0.5)
    failed = set()

    async def twice(event):
        if (event.id, len(sink.attempts) % 2) not in failed:
            failed.add((event.id, len(sink.attempts) % 2))
            raise DeliveryFailed("busy")

    sink = world.sinks["mqtt"] = FakeSink(twice)
    async with world.life():
        await world.happen("a", times=2)
        await asyncio.sleep(HOUR)
    assert [told.at for told in sink.attempts] == [0, 0.5, 1.5, 1.5, 2, 3]


@in_virtual_time
async def test_unwanted_events_move_the_cursor_on():
    world = DeliveryWorld()
    sink = world.sinks["mqtt"] = FakeSink(wanted=lambda event: event.uid == "b")
    async with world.life():
        await world.happen("a", times=300)
        await world.happen("b")
        await settled()
        assert world.store.sinks()["mqtt"].cursor == 301
    assert positions(told.event for told in sink.attempts) == [301]


@in_virtual_time
async def test_a_restart_goes_on_where_it_was():
    world = DeliveryWorld()
    sink = world.sinks["mqtt"] = FakeSink()
    async with world.life():
        await world.happen("a", times=3)
        await settled()
    await world.happen("a", times=2)
    async with world.life():
        await settled()
    assert positions(sink.got) == [1, 2, 3, 4, 5]


@in_virtual_time
async def test_a_held_sink_waits():
    world = DeliveryWorld()
    sink = world.sinks["mqtt"] = FakeSink()
    sink.held = True
    async with world.life() as deliveries:
        await world.happen("a", times=3)
        await asyncio.sleep(HOUR)
        assert not sink.attempts
        assert world.store.sinks()["mqtt"].cursor == 0
        sink.held = False
        deliveries.poke("mqtt")
        deliveries.poke("nobody")
        await settled()
        assert len(sink.got) == 3


@in_virtual_time
async def test_a_receiver_that_is_gone_waits_to_be_resumed():
    world = DeliveryWorld()

    async def gone(event):
        raise DeliveryFailed("never again", gone=True)

    sink = world.sinks["mqtt"] = FakeSink(gone)
    async with world.life() as deliveries:
        await world.happen("a", times=3)
        await asyncio.sleep(HOUR)
        assert len(sink.attempts) == 1
        assert world.metric("sink_active", sink="mqtt") == 0
        assert world.store.events[3].data["subscriptionId"] == "mqtt"
        sink.answer = take
        assert await deliveries.resume("mqtt")
        await settled()
        assert positions(sink.got) == [1, 2, 3]  # not that it was given up
        assert world.store.sinks()["mqtt"].cursor == 4


@in_virtual_time
async def test_a_stream_is_not_replayed():
    world = DeliveryWorld()
    world.sinks["mqtt"] = FakeSink()
    async with world.life() as deliveries:
        await world.happen("a")
        await settled()
        assert await deliveries.replay("evt_a_1") == 0
