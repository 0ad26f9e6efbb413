"""As a new user tries it: a signed request becomes an image, and everybody is told of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from typing import Any

import aiohttp
import pytest

pytestmark = [pytest.mark.chromium, pytest.mark.slow]

NEW, OLD = "the secret of this year", "the secret of last year"
TOPIC = "repaintd/bindings/repo"
BINDING = f"""
  - uid: repo
    templateId: card
    dataSource: {{ type: webhook }}
    mapping: {{ title: repository.full_name, n: repository.stars }}
    refreshPolicy: {{ type: webhook }}
    webhook: {{ secrets: ["{NEW}", "{OLD}"], debounce: 0.1 }}
"""
SETTINGS = """
plugins:
  mqtt: {{ host: 127.0.0.1, port: {broker} }}
webhooks:
  - uid: receiver
    events: ["binding.*"]
    targetUrl: "http://127.0.0.1:{receiver}/hook"
    secret: "{secret}"
"""


async def test_a_signed_post_becomes_an_image_and_the_same_event_takes_every_road(
    home, outside, broker, require, tmp_path
):
    port = outside.free_port()
    home.settle(SETTINGS.format(broker=broker.port, receiver=port, secret=outside.SECRET))
    home.bind(BINDING)
    reading = (require("mosquitto_sub"), "-p", str(broker.port), "-q", "1", "-F", "%t %p")
    async with outside.receiving(tmp_path, port) as file, home.running():
        await home.until(lambda: home.counts["connected to the MQTT broker"])
        assert await post(home, require, 1, NEW) == (202, True)
        await home.until(lambda: shown(home, outside) == 1)
        etag, image = await served(home)
        async with (
            stream(home) as frames,
            outside.program(*reading, "-t", f"{TOPIC}/event", "-t", "repaintd/status") as published,
        ):
            # retained, it comes first and tells that everything is subscribed to
            await outside.until(lambda: published == ["repaintd/status online"], "not subscribed")

            # an old secret counts while secrets are changed; another one never does
            assert await post(home, require, 2, OLD) == (202, True)
            await home.until(lambda: shown(home, outside) == 2)
            assert await post(home, require, 3, "no secret of ours") == (401, None)
            new_etag, new_image = await served(home)
            assert new_etag != etag
            assert new_image != image
            assert (home.output / "repo.png").read_bytes() == new_image

            row = outside.query(home, "SELECT id, body FROM events ORDER BY position")[-1]
            event_id, body = row[0], row[1].decode()
            assert json.loads(body)["data"]["eventId"] == event_id
            assert json.loads(body)["data"]["trigger"] == "webhook"

            await outside.until(lambda: frames, "nothing on /events")
            assert frames == [{"id": event_id, "event": "binding.updated", "data": body}]
            await outside.until(lambda: published[1:], "nothing at the broker")
            assert published[1:] == [f"{TOPIC}/event {body}"]
        await outside.until(lambda: received(outside, file, event_id), "no webhook")
        (delivery,) = received(outside, file, event_id)
        assert delivery["standard"], "a stock library refuses the signature"
        assert delivery["pictify"], "the contract's own rule refuses the signature"
        assert (delivery["event"], delivery["body"]) == ("binding.updated", body)

        code, output, _ = await home.command("events", "--json", "--last", "1")
        assert (code, json.loads(output)) == (0, {"id": event_id, **json.loads(body)})
        state = ("-C", "1", "-W", "10", "--retained-only", "-t", f"{TOPIC}/state")
        async with outside.program(*reading, *state) as retained:
            await outside.until(lambda: retained, "no retained state")
        document = json.loads(retained[0].removeprefix(f"{TOPIC}/state "))
        assert document["status"] == "active"
        assert document["variables"] == {"title": "octo/cat", "n": 2}
        assert f'"{document["etag"]}"' == new_etag
        assert document["imageUrl"] == f"http://127.0.0.1:{home.port}/b/repo.png"


async def post(home, require, stars: int, secret: str) -> tuple[int, bool | None]:
    """As GitHub does it; signed by openssl. Status and `queued` of the answer."""
    body = json.dumps({"ref": "main", "repository": {"full_name": "octo/cat", "stars": stars}})
    command = [require("openssl"), "dgst", "-sha256", "-hmac", secret, "-r"]
    digest = subprocess.run(command, input=body.encode(), capture_output=True, check=True)  # noqa: S603, ASYNC221 - fixed, and short
    status, answer = await home.post(
        "/webhooks/repo",
        body,
        {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": f"72d3162e-cc78-11e3-81ab-4c9367dc09{stars:02}",
            "X-Hub-Signature-256": f"sha256={digest.stdout.split()[0].decode()}",
        },
    )
    return status, answer.get("queued")


def shown(home, outside) -> Any:
    """The stars in the latest image."""
    states = outside.query(home, "SELECT state FROM states")
    return json.loads(states[0][0])["variables"].get("n") if states else None


async def served(home) -> tuple[str, bytes]:
    status, headers, image = await home.get("/b/repo.png")
    assert status == 200
    return headers["ETag"], image


def received(outside, file, event_id: str) -> list[dict[str, Any]]:
    return [each for each in outside.deliveries(file) if each["id"] == event_id]


@contextlib.asynccontextmanager
async def stream(home):
    """`GET /events` with the daemon's own key; yields the list that its messages go to."""
    url = f"http://127.0.0.1:{home.port}/events"
    frames: list[dict[str, str]] = []
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as refused:
            assert refused.status == 401
        async with session.get(url, headers=home.authorisation) as response:
            assert response.status == 200
            await response.content.readuntil(b"\n\n")  # the greeting
            task = asyncio.create_task(read(response, frames), name="events")
            try:
                yield frames
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


async def read(response: aiohttp.ClientResponse, frames: list[dict[str, str]]) -> None:
    while True:
        message = (await response.content.readuntil(b"\n\n")).decode().splitlines()
        fields = dict(line.split(": ", 1) for line in message if ": " in line)
        if fields:
            frames.append(fields)
