"""Events: at least once, whatever happens to the broker."""

from __future__ import annotations

import asyncio
import contextlib
import signal

import aiomqtt
import pytest

from repaintd.core.backoff import GROWING_MOST
from repaintd.plugin import DeliveryFailed, EventSink, Working
from repaintd_mqtt.session import ACKNOWLEDGED_WITHIN
from repaintd_mqtt.sink import TIMEOUT


async def insist(sink, event):
    """As the daemon does."""
    while True:
        try:
            return await sink.deliver(event)
        except DeliveryFailed:
            await asyncio.sleep(0.05)


async def test_an_event_arrives_byte_for_byte(bench, event_of, eventually):
    body = '{"event":"binding.updated","data":{"name":"Zoë  \\u00e9"}}'.encode()
    async with bench.listening("repaintd/#") as ear, bench.working() as sink:
        assert isinstance(sink, Working)
        checked: EventSink = sink
        assert checked.wants(event_of(1))
        assert not checked.held
        await sink.deliver(event_of(1, "repo", body))
        await eventually(lambda: "repaintd/bindings/repo/event" in ear.at)
    assert ear.payloads("repaintd/bindings/repo/event") == [body]


async def test_events_of_the_daemon_itself_have_a_topic(bench, event_of, eventually):
    async with (
        bench.listening("home/images/event") as ear,
        bench.working(prefix="home/images") as s,
    ):
        await s.deliver(event_of(3, uid=""))
        await eventually(lambda: ear.at)
    assert ear.at == {"home/images/event": b'{"n":3}'}


async def test_an_event_is_acknowledged_only_by_the_broker(bench, event_of):
    async with bench.working() as sink:
        await sink.deliver(event_of(1))
        bench.broker.send(signal.SIGSTOP)
        delivery = asyncio.create_task(sink.deliver(event_of(2)))
        await asyncio.sleep(0.3)
        assert not delivery.done()
        bench.broker.send(signal.SIGCONT)
        await delivery


async def test_a_broker_that_hangs_fails_the_delivery_in_time(bench, event_of):
    async with bench.working(within=0.5, patience=1.0) as sink:
        await sink.deliver(event_of(1))
        bench.broker.send(signal.SIGSTOP)
        with pytest.raises(DeliveryFailed, match=r"did not acknowledge within 0\.5 s"):
            async with asyncio.timeout(3):
                await sink.deliver(event_of(2))


@pytest.mark.slow
async def test_a_broker_that_hangs_is_given_up_and_found_again(bench, event_of, eventually):
    async with bench.working(within=0.5, patience=1.0, keepAlive=2) as sink:
        await sink.deliver(event_of(1))
        bench.broker.send(signal.SIGSTOP)
        await eventually(lambda: bench.metric("repaintd_mqtt_connected") == 0)
        bench.broker.send(signal.SIGCONT)
        await insist(sink, event_of(2))
    assert len(bench.log.lines("warning")) == 1


async def test_a_lost_connection_fails_the_delivery_at_once(bench, event_of):
    async with bench.working(within=30, patience=60) as sink:
        await sink.deliver(event_of(1))
        bench.broker.send(signal.SIGSTOP)
        delivery = asyncio.create_task(sink.deliver(event_of(2)))
        await asyncio.sleep(0.2)
        bench.broker.stop(signal.SIGKILL)
        with pytest.raises(DeliveryFailed, match=r"lost before|did not take it"):
            async with asyncio.timeout(5):
                await delivery


async def test_no_broker_fails_the_delivery_with_the_reason(cold_bench, event_of):
    async with cold_bench.working(within=0.1, patience=0.4) as sink:
        with pytest.raises(DeliveryFailed, match="Connection refused"):
            await sink.deliver(event_of(1))


async def test_a_delivery_waits_for_a_broker_that_starts_late(cold_bench, event_of, eventually):
    async with cold_bench.working(patience=20) as sink:
        delivery = asyncio.create_task(sink.deliver(event_of(1)))
        await eventually(lambda: cold_bench.log.lines("warning"))
        cold_bench.broker.start()
        await delivery
    assert len(cold_bench.log.lines("warning")) == 1
    assert len(cold_bench.log.lines("info")) == 1


async def test_nothing_is_lost_while_the_broker_is_stopped_and_started(bench, event_of, eventually):
    """The broker keeps a session for the witness, and writes it down when it is stopped."""
    heard: list[bytes] = []
    over = asyncio.Event()
    witness = asyncio.create_task(bear_witness(bench, heard, over))
    await eventually(lambda: b"ready" in heard)
    position = 0
    async with bench.working(within=1.0, patience=2.0) as sink:
        await sink.deliver(event_of(0, uid="first"))
        for restart in range(5):
            deliveries = [
                asyncio.create_task(deliver_all(sink, event_of, f"b{lane}", position))
                for lane in range(4)
            ]
            await asyncio.sleep(0.002 * restart)
            await asyncio.to_thread(bench.broker.stop)
            await asyncio.to_thread(bench.broker.start)
            await asyncio.gather(*deliveries)
            position += EACH
        everything = {body_of(f"b{lane}", n + 1) for lane in range(4) for n in range(position)}
        await eventually(lambda: everything <= set(heard))
        assert bench.metric("repaintd_mqtt_reconnects_total") == 5
    over.set()
    await witness
    for lane in range(4):  # in order, but for what was sent again
        first_heard = list(dict.fromkeys(p for p in heard if p.startswith(b"b%d " % lane)))
        assert first_heard == [body_of(f"b{lane}", n + 1) for n in range(position)]


EACH = 40


def body_of(uid, position):
    return f"{uid} {position}".encode()


async def deliver_all(sink, event_of, uid, after):
    """One lane of the daemon: one after the other, each until it works."""
    for position in range(after + 1, after + EACH + 1):
        await insist(sink, event_of(position, uid, body_of(uid, position)))


async def bear_witness(bench, heard, over):
    """Hear everything, through all restarts."""
    while not over.is_set():
        with contextlib.suppress(aiomqtt.MqttError):
            async with aiomqtt.Client(
                "127.0.0.1", bench.broker.port, identifier="witness", clean_session=False
            ) as client:
                await client.subscribe("repaintd/bindings/+/event", qos=1)
                heard.append(b"ready")
                ending = asyncio.create_task(over.wait())
                hearing = asyncio.create_task(hear(client, heard))
                await asyncio.wait((ending, hearing), return_when=asyncio.FIRST_COMPLETED)
                ending.cancel()
                hearing.cancel()
        await asyncio.sleep(0.02)


async def hear(client, heard):
    with contextlib.suppress(aiomqtt.MqttError):
        async for message in client.messages:
            heard.append(message.payload)


async def test_an_event_that_the_broker_does_not_take_is_said_once(bench, event_of):
    bench.broker.stop()
    bench.broker.lines = ["max_packet_size 2000"]
    bench.broker.start()
    async with bench.working() as sink:
        for _ in range(5):
            with pytest.raises(DeliveryFailed):
                await sink.deliver(event_of(1, "repo", b"x" * 3000))
    (warning,) = [line for line in bench.log.lines("warning") if "this event" in line]
    assert warning.startswith("evt_")
    assert "3000" in warning


def test_an_attempt_waits_longer_for_the_broker_than_any_pause_between_two_attempts():
    assert TIMEOUT - ACKNOWLEDGED_WITHIN > GROWING_MOST
