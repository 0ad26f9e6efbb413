"""What the broker retains of each binding, and commands."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from repaintd.plugin import DeliveryFailed
from repaintd_mqtt.documents import STATE_MOST
from repaintd_mqtt.mirror import FRESHNESS, Mirror
from repaintd_mqtt.state_size import StateSize

BINDINGS = "repaintd/bindings"


def state_of(ear, uid="repo"):
    return json.loads(ear.at.get(f"{BINDINGS}/{uid}/state") or "{}")


async def test_the_state_says_what_a_binding_is(bench, eventually):
    bench.host.add("repo", b"PNG", last_success_at=0.5, next_due_at=60.0)
    async with bench.working(), bench.listening(f"{BINDINGS}/+/state") as ear:
        await eventually(lambda: state_of(ear))
    etag = bench.host.views["repo"].state.image.etag
    assert state_of(ear) == {
        "uid": "repo",
        "name": "The repo",
        "status": "active",
        "lastSuccess": "1970-01-01T00:00:00.500Z",
        "lastError": None,
        "imageUrl": "https://images.example/b/repo.png",
        "imageTopic": None,
        "etag": etag,
        "variables": {"title": "repo"},
        "nextRefresh": "1970-01-01T00:01:00.000Z",
    }


async def test_the_state_is_retained(bench, eventually):
    bench.host.add("repo")
    async with bench.listening("repaintd/#") as ear, bench.working():
        await eventually(lambda: state_of(ear))
    async with bench.listening(f"{BINDINGS}/+/state") as later:
        await eventually(lambda: later.heard)
        assert later.heard[0][2]


async def test_changes_without_an_event_are_told(bench, eventually):
    bench.host.add("repo")
    async with bench.listening("repaintd/#") as ear, bench.working():
        await eventually(lambda: state_of(ear))
        bench.host.change("repo", error_count=1, last_error="Data source returned 500")
        await eventually(lambda: state_of(ear)["status"] == "error")
        assert state_of(ear)["lastError"] == "Data source returned 500"
        bench.host.change("repo", error_count=0)
        await eventually(lambda: state_of(ear)["status"] == "active")
        assert state_of(ear)["lastError"] is None
        bench.host.configure("repo", paused=True)
        await eventually(lambda: state_of(ear)["status"] == "paused")
        assert state_of(ear)["nextRefresh"] is None


async def test_an_event_is_followed_by_the_state_at_once(bench, eventually, event_of, monkeypatch):
    monkeypatch.setattr("repaintd_mqtt.mirror.ROUND", 3600.0)
    bench.host.add("repo", b"one")
    async with bench.listening("repaintd/#") as ear, bench.working() as sink:
        await eventually(lambda: state_of(ear))
        bench.host.publish("repo", b"two")
        await sink.deliver(event_of(1, "repo"))
        await eventually(lambda: state_of(ear)["etag"] == bench.host.views["repo"].state.image.etag)
        await sink.deliver(event_of(2, "gone"))  # deleted meanwhile: nothing to tell


async def test_times_alone_are_told_once_a_minute(bench, eventually, monkeypatch):
    monkeypatch.setattr("repaintd_mqtt.mirror.ROUND", 0.02)
    ahead = [0.0]

    def now():
        return time.monotonic() + ahead[0]

    monkeypatch.setattr(Mirror.__init__, "__defaults__", (now,))
    bench.host.add("repo", last_success_at=1.0)
    async with bench.listening("repaintd/#") as ear, bench.working():
        await eventually(lambda: state_of(ear))
        for at in range(2, 12):
            bench.host.change("repo", last_success_at=float(at))
            await asyncio.sleep(0.05)  # more than one look at it
        assert len(ear.payloads(f"{BINDINGS}/repo/state")) == 1
        ahead[0] += FRESHNESS
        await eventually(lambda: state_of(ear)["lastSuccess"] == "1970-01-01T00:00:11.000Z")
        assert len(ear.payloads(f"{BINDINGS}/repo/state")) == 2


async def test_images_come_before_the_state_that_names_them(bench, eventually):
    bench.host.add("repo", b"one")
    image = f"{BINDINGS}/repo/image"
    async with bench.listening("repaintd/#") as ear, bench.working(images=True):
        await eventually(lambda: state_of(ear))
        bench.host.publish("repo", b"two")
        await eventually(lambda: ear.payloads(image) == [b"one", b"two"])
        await eventually(lambda: state_of(ear)["etag"] == bench.host.views["repo"].state.image.etag)
        assert state_of(ear)["imageTopic"] == image
        topics = [topic.rpartition("/")[2] for topic, _, _ in ear.heard if "bindings" in topic]
        assert topics == ["image", "state", "image", "state"]
    async with bench.listening(image) as later:
        await eventually(lambda: later.heard == [(image, b"two", True)])


async def test_images_are_not_sent_again_after_a_restart(bench, eventually):
    bench.host.add("repo", b"one")
    async with bench.listening("repaintd/#") as ear:
        async with bench.working(images=True):
            await eventually(lambda: state_of(ear))
        bench.host.change("repo", last_error="a", error_count=1)
        async with bench.working(images=True):
            await eventually(lambda: state_of(ear)["status"] == "error")
        assert ear.payloads(f"{BINDINGS}/repo/image") == [b"one"]


async def test_images_are_cleared_when_they_are_switched_off(bench, eventually):
    bench.host.add("repo", b"one")
    image = f"{BINDINGS}/repo/image"
    async with bench.listening("repaintd/#") as ear:
        async with bench.working(images=True):
            await eventually(lambda: state_of(ear))
        async with bench.working():
            await eventually(lambda: ear.at[image] == b"" and not state_of(ear)["imageTopic"])


async def test_an_image_that_is_too_large_is_left_out_and_said_once(bench, eventually, monkeypatch):
    monkeypatch.setattr("repaintd_mqtt.images.Images.__init__.__kwdefaults__", {"most": 3})
    bench.host.add("repo", b"one")
    image = f"{BINDINGS}/repo/image"
    async with bench.listening("repaintd/#") as ear, bench.working(images=True):
        await eventually(lambda: ear.at.get(image) == b"one")
        bench.host.publish("repo", b"large")
        await eventually(lambda: ear.at.get(image) == b"")
        bench.host.change("repo", error_count=1)
        await eventually(lambda: state_of(ear)["status"] == "error")
    (warning,) = bench.log.lines("warning")
    assert "too large" in warning


async def test_a_broker_that_takes_no_large_message_gets_no_image_but_all_else(
    cold_bench, eventually, event_of
):
    cold_bench.broker.lines = ["max_packet_size 2000"]
    cold_bench.broker.start()
    cold_bench.host.add("repo", b"x" * 5000)
    cold_bench.host.add("site")
    async with cold_bench.listening("repaintd/#") as ear, cold_bench.working(images=True) as sink:
        await eventually(lambda: state_of(ear), within=20)
        await sink.deliver(event_of(1))
        await eventually(lambda: state_of(ear, "site"))
    assert any("takes no messages of this size" in line for line in cold_bench.log.lines("warning"))


async def test_a_broker_that_takes_no_large_message_gets_a_large_state_without_its_variables(
    cold_bench, eventually
):
    cold_bench.broker.lines = ["max_packet_size 2000"]
    cold_bench.broker.start()
    cold_bench.host.add("repo", variables={"title": "x" * 3000})
    cold_bench.host.add("site", variables={"title": "x" * 1200})
    async with cold_bench.listening("repaintd/#") as ear, cold_bench.working():
        await eventually(lambda: state_of(ear) and state_of(ear, "site"), within=20)
    assert state_of(ear)["variables"] is None
    assert state_of(ear, "site")["variables"] == {"title": "x" * 1200}
    (warning,) = [line for line in cold_bench.log.lines("warning") if "this state" in line]
    assert "takes no messages of this size" in warning


def test_connections_that_are_lost_now_and_then_say_nothing_about_sizes(cold_bench):
    size = StateSize(cold_bench.log.logger())
    for _ in range(10):
        size.failed(object(), 100_000)
        size.failed(object(), 100_000)
        size.passed()
    for _ in range(10):
        size.failed(object(), 1_000)
    assert size.most == STATE_MOST
    assert not cold_bench.log.said


async def test_an_image_that_cannot_be_read_is_said_and_the_state_goes_out(bench, eventually):
    bench.host.add("repo", b"one")
    bench.host.broken = PermissionError("image is not ours")
    async with bench.listening("repaintd/#") as ear, bench.working(images=True):
        await eventually(lambda: state_of(ear))
    assert "image is not ours" in bench.log.lines("warning")[0]


async def test_what_is_retained_of_a_binding_that_is_gone_is_cleared(bench, eventually):
    bench.host.add("repo", b"one")
    bench.host.add("site.home", b"two")
    async with (
        bench.listening("repaintd/#", "homeassistant/#") as ear,
        bench.working(images=True, homeAssistant=True),
    ):
        await eventually(lambda: state_of(ear) and state_of(ear, "site.home"))
        del bench.host.views["site.home"]
        await eventually(lambda: ear.at[f"{BINDINGS}/site.home/state"] == b"")
    await only_of("repo", bench, eventually)


async def test_what_an_earlier_run_left_is_cleared(bench, eventually):
    bench.host.add("repo", b"one")
    bench.host.add("site.home", b"two")
    async with bench.listening("repaintd/#") as ear:
        async with bench.working(images=True, homeAssistant=True):
            await eventually(lambda: state_of(ear) and state_of(ear, "site.home"))
        del bench.host.views["site.home"]
        async with bench.working(images=True, homeAssistant=True):
            await eventually(lambda: ear.at[f"{BINDINGS}/site.home/state"] == b"")
    await only_of("repo", bench, eventually)


async def only_of(uid, bench, eventually):
    async with bench.listening("repaintd/bindings/#", "homeassistant/#", "repaintd/status") as ear:
        await eventually(lambda: "repaintd/status" in ear.at)
        assert {topic for topic, _, _ in ear.heard if topic != "repaintd/status"} == {
            f"{BINDINGS}/{uid}/state",
            f"{BINDINGS}/{uid}/image",
            f"{BINDINGS}/{uid}/image-url",
            f"homeassistant/device/repaintd_{uid}/config",
        }


async def test_a_broker_that_forgot_is_told_again(bench, eventually):
    bench.host.add("repo", b"one")
    async with bench.working(images=True):
        await eventually(lambda: bench.metric("repaintd_mqtt_connected") == 1)
        bench.broker.stop()
        for file in bench.broker.directory.glob("*.db"):
            file.unlink()
        bench.broker.start()
        async with bench.listening("repaintd/#") as ear:
            await eventually(lambda: state_of(ear))
            assert ear.at[f"{BINDINGS}/repo/image"] == b"one"


async def test_a_broker_that_does_not_say_what_it_retains_is_told_all_again(
    bench, eventually, monkeypatch
):
    async def silent(*_topics, **_more):
        raise DeliveryFailed("no answer")

    monkeypatch.setattr("repaintd_mqtt.link.Link._introduce", lambda _self, s: s.announce())
    monkeypatch.setattr("repaintd_mqtt.session.Session.subscribe", silent)
    bench.host.add("repo")
    async with bench.listening("repaintd/#") as ear, bench.working():
        await eventually(lambda: state_of(ear))


async def test_what_others_retain_there_is_no_trouble(bench, eventually):
    bench.host.add("repo")
    async with bench.listening("repaintd/#") as ear:
        for topic, payload in (
            (f"{BINDINGS}/repo/state", b"\xff not ours"),
            (f"{BINDINGS}/old/state", b"[1]"),
            (f"{BINDINGS}/Not a uid/state", b"{}"),
            ("homeassistant/device/other/config", b"{}"),
        ):
            await ear.client.publish(topic, payload, qos=1, retain=True)
        async with bench.working():
            await eventually(lambda: ear.at[f"{BINDINGS}/old/state"] == b"")
            await eventually(lambda: ear.at[f"{BINDINGS}/repo/state"].startswith(b"{"))
        assert ear.at[f"{BINDINGS}/Not a uid/state"] == b"{}"


async def test_many_bindings_are_told_and_then_cost_nothing(bench, eventually):
    for number in range(1000):
        bench.host.add(f"b{number}")
    async with bench.listening(f"{BINDINGS}/+/state") as ear, bench.working():
        await eventually(lambda: len(ear.at) == 1000, within=30)
        told = len(ear.heard)
        bench.host.change("b7", error_count=1)
        await eventually(lambda: state_of(ear, "b7")["status"] == "error")
        assert len(ear.heard) == told + 1


async def test_a_message_is_a_trigger(bench, eventually):
    bench.host.add("repo")
    async with bench.listening() as ear, bench.working():
        await eventually(lambda: bench.metric("repaintd_mqtt_connected") == 1)
        await ear.client.publish(f"{BINDINGS}/repo/refresh", b"anything", qos=1)
        await eventually(lambda: bench.host.refreshed == ["repo"])


async def test_commands_that_mean_nothing_are_ignored(bench, eventually):
    bench.host.add("repo")
    bench.host.add("last")
    async with bench.listening() as ear:
        await ear.client.publish(f"{BINDINGS}/repo/refresh", b"old", qos=1, retain=True)
        async with bench.working():
            await eventually(lambda: bench.metric("repaintd_mqtt_connected") == 1)
            for uid in ("absent", "Not a uid", "..", "x" * 70):
                await ear.client.publish(f"{BINDINGS}/{uid}/refresh", b"", qos=1)
            await ear.client.publish(f"{BINDINGS}/last/refresh", b"", qos=1)
            await eventually(lambda: bench.host.refreshed)
    assert bench.host.refreshed == ["last"]


async def test_a_flood_of_commands_does_no_harm(bench, eventually, event_of):
    bench.host.add("repo")
    async with bench.listening() as ear, bench.working() as sink:
        await eventually(lambda: bench.metric("repaintd_mqtt_connected") == 1)
        for _ in range(3000):
            await ear.client.publish(f"{BINDINGS}/repo/refresh", b"", qos=0)
        await sink.deliver(event_of(1))
        await eventually(lambda: bench.host.refreshed)
    assert 0 < len(bench.host.refreshed) <= 3000


@pytest.mark.parametrize("paused", [False, True])
async def test_a_command_that_fails_is_said_and_the_connection_stays(bench, eventually, paused):
    bench.host.add("repo")
    bench.host.configure("repo", paused=paused)
    async with bench.listening() as ear, bench.working():
        await eventually(lambda: bench.metric("repaintd_mqtt_connected") == 1)
        bench.host.broken = RuntimeError("state database refused")
        await ear.client.publish(f"{BINDINGS}/repo/refresh", b"", qos=1)
        await eventually(lambda: bench.log.lines("warning"))
        bench.host.broken = None
        await ear.client.publish(f"{BINDINGS}/repo/refresh", b"", qos=1)
        await eventually(lambda: bench.host.refreshed == ["repo"])
        assert bench.metric("repaintd_mqtt_reconnects_total") == 0
