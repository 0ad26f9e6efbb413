"""The broker is stopped and killed again and again under publishes: nothing is lost."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import defaultdict

import pytest

RESTARTS, MANY = 20, 100
UIDS = ("one", "two", "three")
TOPIC = "repaintd/bindings/{}/event"
CONNECTED = "connected to the MQTT broker"
TROUBLE = ("no MQTT broker; trying again until there is one", "still no MQTT broker")
FAILS = "sink fails; trying again"
MOMENT, FROZEN = 0.05, 0.6


class Patience:
    """How long a connection has to last so that the next pause is short again.

    The plugin pauses longer from attempt to attempt, until a connection has lasted as long as the
    bound of its pauses: 1 s, doubled by each of them.
    """

    def __init__(self, home) -> None:
        self._home = home
        self._before = self._troubles

    @property
    def _troubles(self) -> int:
        return sum(self._home.counts[each] for each in TROUBLE)

    def seconds(self) -> float:
        return 2.0 ** (self._troubles - self._before) + MOMENT

    def lasted(self) -> None:
        self._before = self._troubles


async def restart_again_and_again(home, outside, broker, restarts: int) -> None:
    home.settle(f"plugins:\n  mqtt: {{ host: 127.0.0.1, port: {broker.port} }}\n")
    home.bind(*(outside.pushed(uid) for uid in UIDS))
    ear = outside.Ear(broker.port, TOPIC.format("+"), "repaintd/status")
    sender = outside.Sender(home.port, [*UIDS], pause=0.03)
    async with ear.listening():
        await broker.stop()  # writes the reader's session down: every later broker knows of it
        await broker.start()
        await home.start("--log-level", "debug")
        await home.ready()
        patience = Patience(home)
        async with sender.running():
            for n in range(restarts):
                await home.until(lambda n=n: home.counts[CONNECTED] == n + 1, 90)
                await asyncio.sleep(patience.seconds() - FROZEN)
                broker.freeze()  # so that it always ends between a publish and its acknowledgement
                await asyncio.sleep(FROZEN)
                patience.lasted()
                await broker.stop((signal.SIGKILL, signal.SIGTERM)[n % 2])
                await broker.start()
        await outside.until(
            lambda: told(home, outside) <= heard(ear), lambda: report(home, outside, ear)
        )
        await outside.until(lambda: drawn(home, outside), "a trigger was accepted and never run")
        await outside.until(
            lambda: told(home, outside) <= heard(ear), lambda: report(home, outside, ear)
        )
        await outside.until(
            lambda: ear.payloads("repaintd/status")[-1:] == [b"online"], "it is not online"
        )
        await home.close()
    assert sender.answers.keys() == {202}
    assert home.counts[FAILS] > restarts / 4, "hardly a publish was cut off"
    check(home, outside, ear)


def told(home, outside) -> set[str]:
    return {row[0] for row in outside.query(home, "SELECT id FROM events")}


def heard(ear) -> set[str]:
    return {json.loads(payload)["data"]["eventId"] for payload in all_payloads(ear)}


def all_payloads(ear) -> list[bytes]:
    return [payload for topic, payload, _ in list(ear.heard) if topic != "repaintd/status"]


def report(home, outside, ear) -> str:
    return f"the reader has not seen {sorted(told(home, outside) - heard(ear))}"


def drawn(home, outside) -> bool:
    """Whether every binding shows the last data that it was sent."""
    received = dict(outside.query(home, "SELECT uid, received FROM inbox"))
    states = dict(outside.query(home, "SELECT uid, state FROM states"))
    return all(json.loads(states[uid])["triggers_taken"] >= received[uid] for uid in UIDS)


def check(home, outside, ear) -> None:
    """Byte for byte, in order of their first arrivals, each at its binding's topic."""
    rows = outside.query(home, "SELECT id, uid, body FROM events ORDER BY position")
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for payload in all_payloads(ear):
        bodies[json.loads(payload)["data"]["eventId"]].add(payload)
    assert bodies == {event_id: {body} for event_id, _, body in rows}
    for uid in UIDS:
        came = dict.fromkeys(ear.payloads(TOPIC.format(uid)))
        assert list(came) == [body for _, each, body in rows if each == uid], f"{uid}: out of order"
    assert not any(retained for topic, _, retained in ear.heard if topic != "repaintd/status")


pytestmark = pytest.mark.chromium


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("mqtt-restarts")
async def test_e_twenty_restarts_of_the_broker_under_publishes_lose_no_event(home, outside, broker):
    await restart_again_and_again(home, outside, broker, RESTARTS)


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_e_a_hundred_restarts_of_the_broker_under_publishes(home, outside, broker):
    await restart_again_and_again(home, outside, broker, MANY)
