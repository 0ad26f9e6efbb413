"""All sinks together: coming and going, bugs, replay, the end."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from structlog.testing import capture_logs

from repaintd.core.delivery import delivery_id
from repaintd.errors import DeliveryFailed, StoreUnavailable
from repaintd.runtime.deliveries import AFTER_A_BUG
from repaintd.testing.deliveries import DeliveryWorld
from repaintd.testing.sink import FakeSink
from repaintd.testing.store import MemoryEvents, MemoryStore
from repaintd.testing.virtual_time import VirtualClock, in_virtual_time, settled

A, B = "webhooks/a", "webhooks/b"
MINUTE, HOUR = 60.0, 3_600.0
SCHEDULE = (MINUTE, 5 * MINUTE)


async def take(event):
    pass


async def refuse(event):
    raise DeliveryFailed("status 500", status=500)


def ids(events):
    return [event.id for event in events]


class Pruned(MemoryEvents):
    """Keeps the latest events only."""

    gone = 0

    async def __call__(self, after=0, limit=100):
        return await super().__call__(max(after, self.gone), limit)


@in_virtual_time
async def test_a_sink_added_while_serving_begins_there():
    world = DeliveryWorld()
    async with world.life() as deliveries:
        await world.happen("a", times=5)
        sink = FakeSink(retries=SCHEDULE)
        deliveries.add(A, sink)
        await world.happen("a")  # before the sink's task has even begun
        await settled()
        assert ids(sink.got) == ["evt_a_6"]
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert {f"sink:{A}", f"sink-reader:{A}"} <= names


@in_virtual_time
async def test_nothing_is_remembered_or_told_of_a_removed_sink():
    world = DeliveryWorld()
    sink = world.sinks[A] = FakeSink(refuse, retries=SCHEDULE)
    async with world.life() as deliveries:
        await world.happen("a", times=3)
        await settled()
        await deliveries.remove(A)
        await deliveries.remove(A)
        await deliveries.remove("webhooks/nobody")
        await world.happen("a")
        await asyncio.sleep(HOUR)
        assert world.metric("outbox_pending", sink=A) is None
        assert world.metric("sink_active", sink=A) is None
        assert not await deliveries.resume(A)
    assert len(sink.attempts) == 1
    assert not world.store.sinks()
    assert not world.store.owing


@in_virtual_time
async def test_a_sink_whose_removal_could_not_be_written_can_be_removed_again():
    world = DeliveryWorld()
    world.sinks[A] = FakeSink(retries=SCHEDULE)
    async with world.life() as deliveries:
        world.store.failure = StoreUnavailable("disk full")
        with pytest.raises(StoreUnavailable):
            await deliveries.remove(A)
        world.store.failure = None
        await deliveries.remove(A)
    assert not world.store.sinks()


@in_virtual_time
async def test_a_sink_removed_before_serving_is_never_told():
    world = DeliveryWorld()
    sink = FakeSink(retries=SCHEDULE)
    async with world.life() as deliveries:
        deliveries.add(A, sink)
        await deliveries.remove(A)
        await world.happen("a")
        await settled()
    assert not sink.attempts
    assert not world.store.sinks()


@in_virtual_time
async def test_sinks_that_are_configured_no_more_are_forgotten_on_request():
    world = DeliveryWorld()
    world.sinks = {A: FakeSink(retries=SCHEDULE), B: FakeSink(retries=SCHEDULE), "mqtt": FakeSink()}
    async with world.life():
        pass
    world.sinks = {A: world.sinks[A]}
    async with world.life() as deliveries:
        await deliveries.forget_absent("webhooks/")
    assert set(world.store.sinks()) == {A, "mqtt"}


class SlowStore(MemoryStore):
    """Writes one thing after the other, a second for each, whether anybody still waits or not."""

    writing: asyncio.Task[None] | None = None

    async def keep_owed(self, entries):
        await self._in_turn(partial(super().keep_owed, entries))

    async def drop_owed(self, sink, positions):
        await self._in_turn(partial(super().drop_owed, sink, positions))

    async def _in_turn(self, write):
        self.writing = asyncio.create_task(self._after(self.writing, write))
        await asyncio.shield(self.writing)

    async def _after(self, before, write):
        if before is not None:
            await before
        await asyncio.sleep(1)
        await write()


@in_virtual_time
async def test_a_replaced_sink_knows_what_the_old_one_has_asked_to_be_written():
    world = DeliveryWorld(SlowStore(VirtualClock()))
    world.sinks[A], new = FakeSink(refuse, retries=SCHEDULE), FakeSink(retries=SCHEDULE)
    async with world.life() as deliveries:
        await world.happen("a")
        await asyncio.sleep(0.5)  # it has failed, which is being written
        deliveries.add(A, new)
        await asyncio.sleep(HOUR)
        await world.happen("a")
        await settled()
        assert ids(new.got) == ["evt_a_1", "evt_a_2"]
        assert not world.store.owing


@in_virtual_time
async def test_however_often_a_sink_is_replaced_only_one_of_them_is_at_work():
    world, said = DeliveryWorld(), []

    async def reluctant(event):
        try:
            await asyncio.sleep(HOUR)
        finally:
            await asyncio.sleep(5)
            said.append("the old one has ended")

    async def tell(event):
        said.append("the new one begins")

    world.sinks[A] = FakeSink(reluctant, retries=SCHEDULE, timeout=2 * HOUR)
    async with world.life() as deliveries:
        await world.happen("a")
        await settled()
        for _ in range(3):
            deliveries.add(A, FakeSink(tell, retries=SCHEDULE))
            await settled()
        await asyncio.sleep(10)
        assert said == ["the old one has ended", "the new one begins"]
        deliveries.add(A, FakeSink(tell, retries=SCHEDULE))
        await deliveries.remove(A)
        assert not any(task.get_name() == f"sink:{A}" for task in asyncio.all_tasks())


@in_virtual_time
async def test_a_replaced_sink_goes_on_where_the_old_one_was():
    world = DeliveryWorld()

    async def hang(event):
        await asyncio.sleep(HOUR)

    old = world.sinks[A] = FakeSink(hang, retries=SCHEDULE, timeout=2 * HOUR)
    async with world.life() as deliveries:
        await world.happen("a", times=3)
        await settled()
        new = FakeSink(retries=SCHEDULE)
        deliveries.add(A, new)
        newest = FakeSink(retries=SCHEDULE)
        deliveries.add(A, newest)
        await world.happen("a")
        await settled()
        assert ids(newest.got) == ["evt_a_1", "evt_a_2", "evt_a_3", "evt_a_4"]
        await asyncio.sleep(HOUR)
    assert not old.got
    assert not new.attempts


@in_virtual_time
async def test_a_sink_with_a_bug_is_begun_again_and_harms_no_other():
    world = DeliveryWorld()
    broken = True

    def wanted(event):
        if broken:
            raise RuntimeError("bug")
        return True

    bad = world.sinks[A] = FakeSink(wanted=wanted, retries=SCHEDULE)
    stream = world.sinks["mqtt"] = FakeSink(wanted=wanted)
    good = world.sinks[B] = FakeSink(retries=SCHEDULE)
    with capture_logs() as logs:
        async with world.life() as deliveries:
            await world.happen("a", times=2)
            await settled()
            with pytest.raises(StoreUnavailable, match="try again"):
                await deliveries.resume(A)
            await asyncio.sleep(2 * AFTER_A_BUG + 1)
            broken = False
            await asyncio.sleep(AFTER_A_BUG)
    assert ids(good.got) == ids(bad.got) == ids(stream.got) == ["evt_a_1", "evt_a_2"]
    assert sorted(each["sink"] for each in logs) == [*["mqtt"] * 3, *[A] * 3]
    assert {each["log_level"] for each in logs} == {"error"}


@in_virtual_time
async def test_a_dead_letter_is_replayed_with_the_same_id_and_bytes():
    world = DeliveryWorld()
    sink = world.sinks[A] = FakeSink(refuse, retries=(MINUTE,))
    other = world.sinks[B] = FakeSink(retries=(MINUTE,))
    async with world.life() as deliveries:
        await world.happen("a", times=2)
        await asyncio.sleep(HOUR)
        sink.answer = take
        assert await deliveries.replay(delivery_id(A, "evt_a_1")) == 1
        await settled()
        assert ids(sink.got) == ["evt_a_1"]
        assert sink.got[0] == sink.attempts[0].event
        assert world.metric("dead_letters", sink=A) == 1
    assert len(other.got) == 2
    records = await world.store.deliveries(sink=A)
    assert (records[0].id, records[0].attempt) == (delivery_id(A, "evt_a_1"), 1)


@in_virtual_time
async def test_an_event_is_replayed_to_all_who_want_it():
    world = DeliveryWorld()
    dead = world.sinks[A] = FakeSink(refuse, retries=(MINUTE,))
    good = world.sinks[B] = FakeSink(retries=(MINUTE,))
    world.sinks["webhooks/c"] = FakeSink(wanted=lambda _: False, retries=(MINUTE,))
    async with world.life() as deliveries:
        await world.happen("a", times=2)
        await asyncio.sleep(HOUR)
        dead.answer = take
        assert await deliveries.replay("evt_a_2") == 2
        await settled()
    assert ids(dead.got) == ["evt_a_2"]
    assert ids(good.got) == ["evt_a_1", "evt_a_2", "evt_a_2"]
    assert world.store.sinks()[B].cursor == 2


@in_virtual_time
async def test_a_broken_sink_keeps_no_other_from_a_replay():
    world = DeliveryWorld()

    def wanted(event):
        raise RuntimeError("bug")

    world.sinks[A] = FakeSink(wanted=wanted, retries=SCHEDULE)
    good = world.sinks[B] = FakeSink(retries=SCHEDULE)
    with capture_logs():
        async with world.life() as deliveries:
            await world.happen("a")
            await settled()
            assert await deliveries.replay("evt_a_1") == 1
            await settled()
            await deliveries.remove(B)
            with pytest.raises(StoreUnavailable, match=f"sink {A} "):
                await deliveries.replay("evt_a_1")
    assert ids(good.got) == ["evt_a_1", "evt_a_1"]


@in_virtual_time
async def test_replaying_what_waits_for_a_retry_tries_it_now():
    world = DeliveryWorld()
    sink = world.sinks[A] = FakeSink(refuse, retries=(HOUR, HOUR))
    async with world.life() as deliveries:
        await world.happen("a", times=2)
        await settled()
        sink.answer = take
        assert await deliveries.replay("evt_a_1") == 1
        await settled()
        assert [told.at for told in sink.attempts] == [0, 0, 0]
    assert ids(sink.got) == ["evt_a_1", "evt_a_2"]


@in_virtual_time
async def test_replaying_what_is_still_to_come_sends_it_once():
    world = DeliveryWorld()
    sink = world.sinks[A] = FakeSink(retries=SCHEDULE)
    sink.held = True
    async with world.life() as deliveries:
        await world.happen("a")
        await settled()
        assert await deliveries.replay("evt_a_1") == 1
        sink.held = False
        await asyncio.sleep(HOUR)
    assert ids(sink.got) == ["evt_a_1"]


@in_virtual_time
async def test_a_dead_letter_that_the_history_forgot_is_replayed_from_the_outbox():
    world = DeliveryWorld(ring=1)
    world.store.events = Pruned()
    sink = world.sinks[A] = FakeSink(refuse, retries=(MINUTE,))
    world.sinks[B] = FakeSink(retries=(MINUTE,))
    async with world.life() as deliveries:
        await world.happen("a", times=4)
        await asyncio.sleep(HOUR)
        world.store.events.gone = 3
        sink.answer = take
        assert await deliveries.replay("evt_a_1") == 1
        assert await deliveries.replay(delivery_id(A, "evt_a_2")) == 1
        await settled()
        world.store.log.clear()
        assert await deliveries.replay(delivery_id(A, "evt_a_3")) == 1
        await settled()
    assert ids(sink.got) == ["evt_a_1", "evt_a_2", "evt_a_3"]


@in_virtual_time
async def test_nobody_replays_what_nobody_knows():
    world = DeliveryWorld()
    world.sinks[A] = FakeSink(retries=SCHEDULE)
    async with world.life() as deliveries:
        await world.happen("a")
        await settled()
        assert await deliveries.replay("evt_unknown") == 0
        assert await deliveries.replay("del_unknown") == 0
        assert await deliveries.replay("") == 0


@in_virtual_time
async def test_a_replay_survives_a_kill():
    world = DeliveryWorld()
    sink = world.sinks[A] = FakeSink(refuse, retries=(MINUTE,), disable_after=1)
    async with world.life() as deliveries:
        await world.happen("a")
        await asyncio.sleep(HOUR)
        assert await deliveries.replay("evt_a_1") == 1  # given up: it waits
    sink.answer = take
    async with world.life() as deliveries:
        await settled()
        assert not sink.got
        await deliveries.resume(A)
        await settled()
    assert ids(sink.got) == ["evt_a_1"]


@in_virtual_time
async def test_a_replay_that_cannot_be_written_changes_nothing():
    world = DeliveryWorld()
    sink = world.sinks[A] = FakeSink(refuse, retries=(MINUTE,))
    async with world.life() as deliveries:
        await world.happen("a")
        await asyncio.sleep(HOUR)
        sink.answer = take
        world.store.failure = StoreUnavailable("disk full")
        with pytest.raises(StoreUnavailable):
            await deliveries.replay("evt_a_1")
        await asyncio.sleep(HOUR)
        assert world.metric("dead_letters", sink=A) == 1
    assert not sink.got


@pytest.mark.parametrize("retries", [(), SCHEDULE])
def test_draining_begins_nothing_and_waits_for_what_is_under_way(retries):
    @in_virtual_time
    async def run():
        world = DeliveryWorld()

        async def slow(event):
            await asyncio.sleep(3)

        sink = world.sinks[A] = FakeSink(slow, retries=retries)
        async with world.life() as deliveries:
            await world.happen("a", times=5)
            await settled()
            loop = asyncio.get_running_loop()
            assert await deliveries.drain(10)
            assert loop.time() == 3
            assert world.store.sinks()[A].cursor == 1
            late = FakeSink(retries=retries)
            deliveries.add(B, late)
            await world.happen("a")
            await asyncio.sleep(HOUR)
        assert ids(sink.got) == ["evt_a_1"]
        assert not late.attempts
        sink.answer = take
        async with world.life():
            await settled()
        assert ids(sink.got) == [f"evt_a_{n}" for n in range(1, 7)]

    run()


@in_virtual_time
async def test_draining_ends_in_time_and_what_did_not_end_is_made_again():
    world = DeliveryWorld()

    async def hang(event):
        await asyncio.Event().wait()

    sink = world.sinks[A] = FakeSink(hang, retries=SCHEDULE, timeout=HOUR)
    async with world.life() as deliveries:
        await world.happen("a")
        await settled()
        assert not await deliveries.drain(5)
    assert world.store.sinks()[A].cursor == 0
    sink.answer = take
    async with world.life():
        await settled()
    assert ids(sink.got) == ["evt_a_1"]
