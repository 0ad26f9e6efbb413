"""Home Assistant finds every binding as a device."""

from __future__ import annotations

import json

CONFIG = "homeassistant/device/repaintd_{}/config"


def device_of(ear, uid="repo"):
    return json.loads(ear.at.get(CONFIG.format(uid)) or "{}")


async def test_a_binding_is_announced_as_one_device(bench, eventually):
    bench.host.add("repo", b"PNG")
    async with bench.working(homeAssistant=True), bench.listening("homeassistant/#") as ear:
        await eventually(lambda: device_of(ear))
    found = device_of(ear)
    assert found["dev"] == {
        "ids": ["repaintd_repo"],
        "name": "The repo",
        "mf": "repaintd",
        "mdl": "card",
    }
    assert found["o"]["name"] == "repaintd"
    assert found["o"]["sw"]
    assert found["availability_topic"] == "repaintd/status"
    parts = found["cmps"]
    assert {name: part["p"] for name, part in parts.items()} == {
        "image": "image",
        "status": "sensor",
        "last_success": "sensor",
        "refresh": "button",
    }
    assert parts["image"]["url_topic"] == "repaintd/bindings/repo/image-url"
    assert "content_type" not in parts["image"]
    assert parts["status"]["options"] == ["active", "paused", "error"]
    assert parts["status"]["state_topic"] == "repaintd/bindings/repo/state"
    assert parts["last_success"]["device_class"] == "timestamp"
    assert parts["refresh"]["command_topic"] == "repaintd/bindings/repo/refresh"
    ids = {part["unique_id"] for part in parts.values()}
    assert len(ids) == 4


async def test_another_prefix_makes_other_devices(bench, eventually):
    bench.host.add("repo")
    async with (
        bench.working(homeAssistant=True, prefix="home/two"),
        bench.listening("homeassistant/#") as ear,
    ):
        await eventually(lambda: ear.at)
    (topic,) = ear.at
    assert topic != CONFIG.format("repo")
    document = json.loads(ear.at[topic])
    assert document["availability_topic"] == "home/two/status"
    assert document["cmps"]["status"]["unique_id"] != "repaintd_repo_status"


async def test_a_dot_in_a_uid_is_no_trouble(bench, eventually):
    """Home Assistant takes letters, digits, - and _ alone in a discovery topic."""
    bench.host.add("site.home")
    async with bench.working(homeAssistant={"prefix": "ha"}), bench.listening("ha/#") as ear:
        await eventually(lambda: "ha/device/repaintd_siteDothome/config" in ear.at)


async def test_the_image_url_is_another_one_for_each_image(bench, eventually):
    bench.host.add("repo", b"one")
    topic = "repaintd/bindings/repo/image-url"
    async with bench.listening(topic) as ear, bench.working(homeAssistant=True):
        await eventually(lambda: topic in ear.at)
        bench.host.change("repo", error_count=1)  # no other image, no other URL
        bench.host.publish("repo", b"two")
        await eventually(lambda: len(ear.payloads(topic)) == 2)
    etag = bench.host.views["repo"].state.image.etag
    assert ear.at[topic] == f"https://images.example/b/repo.png?v={etag}".encode()


async def test_images_come_as_bytes_when_asked_for(bench, eventually):
    bench.host.add("repo", b"one")
    async with (
        bench.listening("homeassistant/#", "repaintd/#") as ear,
        bench.working(images=True, homeAssistant={"images": "bytes"}),
    ):
        await eventually(lambda: "repaintd/bindings/repo/state" in ear.at)
    image = device_of(ear)["cmps"]["image"]
    assert image["image_topic"] == "repaintd/bindings/repo/image"
    assert image["content_type"] == "image/png"
    assert "url_topic" not in image
    assert ear.at["repaintd/bindings/repo/image"] == b"one"
    assert "repaintd/bindings/repo/image-url" not in ear.at


async def test_a_pdf_has_no_image_entity(bench, eventually, pdf):
    bench.host.add("repo", b"%PDF")
    bench.host.configure("repo", output=pdf)
    async with bench.working(homeAssistant=True), bench.listening("homeassistant/#") as ear:
        await eventually(lambda: device_of(ear))
    assert "image" not in device_of(ear)["cmps"]


async def test_home_assistant_that_comes_back_is_told_again(bench, eventually):
    bench.host.add("repo")
    topic = CONFIG.format("repo")
    async with bench.listening("homeassistant/#") as ear, bench.working(homeAssistant=True):
        await eventually(lambda: topic in ear.at)
        await ear.client.publish("homeassistant/status", b"offline", qos=1)
        await ear.client.publish("homeassistant/status", b"online", qos=1)
        await eventually(lambda: len(ear.payloads(topic)) == 2)


async def test_a_binding_that_is_renamed_is_announced_again(bench, eventually):
    bench.host.add("repo")
    async with bench.listening("homeassistant/#") as ear, bench.working(homeAssistant=True):
        await eventually(lambda: device_of(ear))
        bench.host.configure("repo", name="Another")
        await eventually(lambda: device_of(ear)["dev"]["name"] == "Another")


async def test_devices_are_removed_when_home_assistant_is_switched_off(bench, eventually):
    bench.host.add("repo", b"one")
    async with bench.listening("homeassistant/#", "repaintd/#") as ear:
        async with bench.working(homeAssistant=True):
            await eventually(lambda: device_of(ear))
        async with bench.working():
            await eventually(lambda: ear.at[CONFIG.format("repo")] == b"")
            await eventually(lambda: ear.at["repaintd/bindings/repo/image-url"] == b"")
