"""Sinks with a schedule of retries: order, isolation, schedule, dead letters."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict

import pytest
from structlog.testing import capture_logs

from repaintd.core.event import WEBHOOK_DISABLED
from repaintd.errors import DeliveryFailed
from repaintd.testing.deliveries import DeliveryWorld
from repaintd.testing.sink import FakeSink
from repaintd.testing.virtual_time import START, in_virtual_time, settled

HOOK = "webhooks/a"
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
SCHEDULE = (MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 24 * HOUR)


async def refuse(event):
    raise DeliveryFailed("status 500", status=500)


def refusing(*ids):
    async def answer(event):
        if event.id in ids:
            raise DeliveryFailed("status 500", status=500)

    return answer


def ids(events):
    return [event.id for event in events]


def by_binding(events):
    found = defaultdict(list)
    for event in events:
        found[event.uid].append(event.sequence)
    return found


@in_virtual_time
async def test_a_new_sink_begins_with_the_next_event_and_remembers_that_before_anything_else():
    world = DeliveryWorld()
    await world.happen("a", times=3)
    sink = world.sinks[HOOK] = FakeSink(retries=SCHEDULE)
    async with world.life():
        assert world.store.sinks()[HOOK].cursor == 3
        await world.happen("a")
        await settled()
    assert ids(sink.got) == ["evt_a_4"]
    assert world.store.sinks()[HOOK].cursor == 4
    assert not world.store.owing


@in_virtual_time
async def test_events_of_one_binding_go_one_after_the_other_and_those_of_others_beside():
    world = DeliveryWorld()
    now_told, most = defaultdict(int), defaultdict(int)

    async def slow(event):
        for key in (event.uid, "all"):
            now_told[key] += 1
            most[key] = max(most[key], now_told[key])
        await asyncio.sleep(1)
        for key in (event.uid, "all"):
            now_told[key] -= 1

    sink = world.sinks[HOOK] = FakeSink(slow, retries=SCHEDULE, concurrency=3)
    async with world.life():
        for uid in "abcde":
            await world.happen(uid, times=4)
        await asyncio.sleep(7.5)
    assert len(sink.got) == 20
    assert all(sequence == [1, 2, 3, 4] for sequence in by_binding(sink.got).values())
    assert most == {**dict.fromkeys("abcde", 1), "all": 3}


@in_virtual_time
async def test_events_of_the_daemon_itself_keep_their_order_too():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(refusing("evt__1"), retries=SCHEDULE)
    async with world.life():
        await world.happen("", times=2)
        await world.happen("a")
        await settled()
    assert ids(sink.got) == ["evt_a_1"]


@in_virtual_time
async def test_unwanted_events_are_passed_over():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(wanted=lambda event: event.uid == "b", retries=SCHEDULE)
    async with world.life():
        await world.happen("a", times=1_000)
        await world.happen("b")
        await world.happen("a")
        await settled()
        assert world.metric("outbox_pending", sink=HOOK) == 0
    assert ids(told.event for told in sink.attempts) == ["evt_b_1"]
    assert world.store.sinks()[HOOK].cursor == 1_002


@in_virtual_time
async def test_attempts_come_at_the_times_of_the_schedule():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(refuse, retries=SCHEDULE)
    async with world.life():
        await world.happen("a")
        await asyncio.sleep(7 * DAY)
    times = [told.at for told in sink.attempts]
    assert times == [0, 60, 360, 2_160, 9_360, 95_760]
    (entry,) = world.store.owing.values()
    assert (entry.dead, entry.attempts, entry.due_at) == (True, 6, None)
    assert entry.error == "status 500"


@pytest.mark.parametrize(("dice", "factor"), [(0.0, 0.8), (0.25, 0.9), (0.999_999_9, 1.2)])
def test_chance_moves_each_step_by_a_fifth_at_most(dice, factor):
    @in_virtual_time
    async def run():
        world = DeliveryWorld(dice=lambda: dice)
        sink = world.sinks[HOOK] = FakeSink(refuse, retries=SCHEDULE)
        async with world.life():
            await world.happen("a")
            await asyncio.sleep(7 * DAY)
        times = [told.at for told in sink.attempts]
        steps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert steps == pytest.approx([step * factor for step in SCHEDULE], rel=1e-3)

    run()


@in_virtual_time
async def test_every_attempt_stands_in_the_delivery_log():
    world = DeliveryWorld()
    world.sinks[HOOK] = FakeSink(refuse, retries=(MINUTE,))
    world.sinks["webhooks/b"] = FakeSink(retries=(MINUTE,))
    async with world.life():
        await world.happen("a")
        await asyncio.sleep(HOUR)
    last, first = await world.store.deliveries(sink=HOOK)
    assert (first.attempt, first.error, first.next_at) == (1, "status 500", START + MINUTE)
    assert (last.attempt, last.dead, last.next_at, last.status) == (2, True, None, 500)
    assert first.id == last.id
    (good,) = await world.store.deliveries(sink="webhooks/b")
    assert (good.error, good.status, good.at, good.position) == ("", 200, START, 1)
    assert good.id != first.id


@in_virtual_time
async def test_followers_wait_for_the_head_and_go_on_at_once_when_it_succeeds():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(refuse, retries=SCHEDULE)
    async with world.life():
        await world.happen("a", times=3)
        await asyncio.sleep(30)
        await world.happen("a")  # read after the failure: parked as well
        await settled()
        sink.answer = refusing()
        assert {e.event.position: e.due_at for e in world.store.owing.values()} == {
            1: START + MINUTE,
            **dict.fromkeys((2, 3, 4)),
        }
        assert world.metric("outbox_pending", sink=HOOK) == 4
        assert world.store.sinks()[HOOK].cursor == 4
        await asyncio.sleep(30)
        await settled()
        assert [(told.at, told.event.sequence) for told in sink.attempts] == [
            (0, 1), (60, 1), (60, 2), (60, 3), (60, 4)
        ]  # fmt: skip
        assert not world.store.owing
        assert world.metric("outbox_pending", sink=HOOK) == 0


@in_virtual_time
async def test_a_dead_letter_lets_the_next_one_pass():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(refusing("evt_a_1"), retries=(MINUTE,))
    async with world.life():
        await world.happen("a", times=2)
        await asyncio.sleep(HOUR)
        assert world.metric("dead_letters", sink=HOOK) == 1
        assert world.metric("deliveries_total", sink=HOOK, result="dead") == 1
        assert world.metric("deliveries_total", sink=HOOK, result="error") == 2
        assert world.metric("deliveries_total", sink=HOOK, result="ok") == 1
        assert world.metric("sink_last_success_timestamp_seconds", sink=HOOK) == START + MINUTE
    assert ids(sink.got) == ["evt_a_2"]


@in_virtual_time
async def test_a_black_hole_harms_neither_other_bindings_nor_other_sinks():
    world = DeliveryWorld()

    async def swallow(event):
        if event.uid == "bad":
            await asyncio.Event().wait()

    hole = world.sinks["webhooks/hole"] = FakeSink(swallow, retries=SCHEDULE, timeout=15)
    good = world.sinks["webhooks/good"] = FakeSink(retries=SCHEDULE)
    async with world.life():
        await world.happen("bad", times=50)
        await world.happen("a", times=50)
        await settled()
        assert len(good.got) == 100
        assert len(hole.got) == 50
        await asyncio.sleep(15)
        (entry,) = [each for each in world.store.owing.values() if each.attempts]
        assert entry.error == "no answer within 15 s"
        assert world.store.sinks()["webhooks/hole"].cursor == 100


@in_virtual_time
async def test_a_sink_that_breaks_or_cancels_itself_has_failed_once():
    world = DeliveryWorld()
    troubles = [RuntimeError("the key is hunter2"), asyncio.CancelledError(), TimeoutError()]

    async def answer(event):
        if troubles:
            raise troubles.pop(0)

    sink = world.sinks[HOOK] = FakeSink(answer, retries=SCHEDULE)
    with capture_logs() as logs:
        async with world.life():
            await world.happen("a")
            await asyncio.sleep(DAY)
    assert len(sink.attempts) == 4
    assert ids(sink.got) == ["evt_a_1"]
    errors = [record.error for record in world.store.log]
    assert errors == [
        "the sink broke (RuntimeError); please report this",
        "the sink cancelled itself; please report this",
        "the sink broke (TimeoutError); please report this",
        "",
    ]
    assert [each["event"] for each in logs if each["log_level"] == "warning"] == [
        "sink fails; trying again"
    ]
    assert logs[-1]["event"] == "sink works again"


@pytest.mark.parametrize(("asked", "second"), [(600.0, 600), (5.0, 60), (9 * DAY, HOUR)])
def test_the_receiver_may_put_the_next_attempt_off(asked, second):
    @in_virtual_time
    async def run():
        world = DeliveryWorld()

        async def busy(event):
            raise DeliveryFailed("busy", status=503, retry_after=asked)

        sink = world.sinks[HOOK] = FakeSink(busy, retries=SCHEDULE)
        async with world.life():
            await world.happen("a")
            await asyncio.sleep(DAY)
        assert sink.attempts[1].at == second

    run()


@in_virtual_time
async def test_after_too_many_dead_letters_in_a_row_the_sink_is_given_up_and_all_others_told():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(refuse, retries=(MINUTE,), disable_after=2)
    other = world.sinks["webhooks/b"] = FakeSink(retries=(MINUTE,), disable_after=2)
    with capture_logs() as logs:
        async with world.life():
            await world.happen("a", times=3)
            await asyncio.sleep(HOUR)
            assert world.metric("sink_active", sink=HOOK) == 0
            assert world.metric("sink_active", sink="webhooks/b") == 1
            assert world.metrics.events()[WEBHOOK_DISABLED] == 1
            await world.happen("b")
            await asyncio.sleep(HOUR)
            assert world.metric("outbox_pending", sink=HOOK) == 3
    assert len(sink.attempts) == 4
    record = world.store.sinks()[HOOK]
    assert (record.status, record.exhausted, record.cursor) == ("failed", 2, 3)
    assert "sink is given up until it is resumed or changed" in [e["event"] for e in logs]
    announced = world.store.events[3]
    assert announced.name == WEBHOOK_DISABLED
    assert {k: announced.data[k] for k in ("subscriptionId", "deadLetters", "lastError")} == {
        "subscriptionId": "a",
        "deadLetters": 2,
        "lastError": "status 500",
    }
    assert announced.data["reason"] == record.reason == "2 events in a row were not delivered"
    assert announced.id in ids(other.got)


@in_virtual_time
async def test_a_resumed_sink_gets_all_that_waited_but_not_the_news_of_its_own_end():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(refuse, retries=(MINUTE,), disable_after=1)
    async with world.life() as deliveries:
        await world.happen("a", times=3)
        await asyncio.sleep(HOUR)
        await world.happen("b")
        sink.answer = refusing()
        assert await deliveries.resume(HOOK)
        assert await deliveries.resume(HOOK)  # it is active, which is what was asked for
        assert not await deliveries.resume("webhooks/nobody")
        await settled()
        assert world.metric("sink_active", sink=HOOK) == 1
    assert by_binding(sink.got) == {"a": [2, 3], "b": [1]}
    record = world.store.sinks()[HOOK]
    assert (record.status, record.exhausted, record.cursor) == ("active", 0, 5)


@in_virtual_time
async def test_one_success_forgives_all_dead_letters_before():
    world = DeliveryWorld()
    bad = ("evt_a_1", "evt_c_1")
    world.sinks[HOOK] = FakeSink(refusing(*bad), retries=(MINUTE,), disable_after=2)
    async with world.life():
        await world.happen("a")
        await asyncio.sleep(HOUR)
        assert world.store.sinks()[HOOK].exhausted == 1
        await world.happen("b")
        await settled()
        assert world.store.sinks()[HOOK].exhausted == 0
        await world.happen("c")
        await asyncio.sleep(HOUR)
        assert world.store.sinks()[HOOK].status == "active"


@in_virtual_time
async def test_a_receiver_that_is_gone_is_given_up_at_once_and_nothing_is_dropped():
    world = DeliveryWorld()

    async def gone(event):
        raise DeliveryFailed("410 Gone", status=410, gone=True)

    sink = world.sinks[HOOK] = FakeSink(gone, retries=SCHEDULE, concurrency=1)
    async with world.life() as deliveries:
        await world.happen("a", times=2)
        await world.happen("b")
        await asyncio.sleep(DAY)
        assert len(sink.attempts) == 1
        record = world.store.sinks()[HOOK]
        assert (record.status, record.reason) == ("failed", "the receiver wants no more events")
        sink.answer = refusing()
        await deliveries.resume(HOOK)
        await settled()
    assert by_binding(sink.got) == {"a": [1, 2], "b": [1]}


@in_virtual_time
async def test_a_changed_definition_makes_a_sink_active_again():
    world = DeliveryWorld()
    world.sinks[HOOK] = FakeSink(refuse, retries=(MINUTE,), disable_after=1)
    async with world.life():
        await world.happen("a", times=2)
        await asyncio.sleep(HOUR)
    same = world.sinks[HOOK] = FakeSink(retries=(MINUTE,), disable_after=1)
    async with world.life():
        await asyncio.sleep(HOUR)
        assert world.metric("sink_active", sink=HOOK) == 0
    changed = world.sinks[HOOK] = FakeSink(fingerprint="other URL", retries=(MINUTE,))
    async with world.life():
        await settled()
    assert not same.attempts
    assert ids(changed.got) == ["evt_a_2"]
    record = world.store.sinks()[HOOK]
    assert (record.status, record.exhausted, record.fingerprint) == ("active", 0, "other URL")


@in_virtual_time
async def test_a_held_sink_keeps_its_cursor_and_gets_everything_later():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(retries=SCHEDULE)
    sink.held = True
    async with world.life() as deliveries:
        await world.happen("a", times=300)
        await asyncio.sleep(HOUR)
        assert not sink.attempts
        assert world.store.sinks()[HOOK].cursor == 0
        assert world.metric("outbox_pending", sink=HOOK) == 300
        assert world.metric("sink_active", sink=HOOK) == 1
        sink.held = False
        deliveries.poke(HOOK)
        await settled()
        assert len(sink.got) == 300
        sink.held = True
        await world.happen("a")
        await settled()
        assert len(sink.got) == 300
        sink.held = False
        await asyncio.sleep(MINUTE + 1)  # without being told
        assert by_binding(sink.got)["a"] == list(range(1, 302))


@in_virtual_time
async def test_five_thousand_events_cost_little():
    world = DeliveryWorld()
    sink = world.sinks[HOOK] = FakeSink(retries=SCHEDULE)
    async with world.life():
        began = time.process_time()
        for number in range(50):
            await world.happen(f"b{number}", times=100)
        await asyncio.sleep(1)
        spent = time.process_time() - began
    assert len(sink.got) == 5_000
    assert all(each == list(range(1, 101)) for each in by_binding(sink.got).values())
    assert spent < 2  # 0.3 on a small machine


@in_virtual_time
async def test_a_sink_is_given_up_once_however_many_lanes_end_together():
    world = DeliveryWorld()
    world.sinks[HOOK] = FakeSink(refuse, retries=(MINUTE,), disable_after=1, concurrency=5)
    async with world.life():
        for uid in "abcde":
            await world.happen(uid)
        await asyncio.sleep(HOUR)
        assert world.metrics.events()[WEBHOOK_DISABLED] == 1
        assert world.metric("dead_letters", sink=HOOK) == 5
    assert len(world.store.events) == 6
