"""Where webhooks may not lead, and receivers that want no more: said, seen and mended."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter

import psutil
import pytest
from aiohttp import web

pytestmark = [pytest.mark.chromium, pytest.mark.slow]

PRIVATE = "10.11.12.13"
SUBSCRIPTION = """
  - uid: {uid}
    events: ["{events}"]
    targetUrl: "{url}"
    secret: "{secret}"
"""
SETTINGS = """
server: {{ listen: "0.0.0.0:{port}", publicUrl: "http://127.0.0.1:{port}" }}
egress: {{ allow: [{allow}] }}
plugins:
  webhooks: {{ retries: [1], timeout: 2 }}
webhooks:
"""


class Receivers:
    """Two of them: /watch takes all, /gone answers 410 until it is `open`."""

    def __init__(self) -> None:
        self.open = False
        self.taken: dict[str, list[bytes]] = {"watch": [], "gone": []}
        self.asked: Counter[str] = Counter()
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.asked[name] += 1
        if name == "gone" and not self.open:
            return web.Response(status=410)
        self.taken[name].append(await request.read())
        return web.Response()


@pytest.fixture
async def receivers():
    receivers = Receivers()
    app = web.Application()
    app.router.add_post("/{name}", receivers.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receivers.port = runner.addresses[0][1]
    yield receivers
    await runner.cleanup()


def other_address() -> str | None:
    """An address of this machine that is not loopback."""
    for each in psutil.net_if_addrs().values():
        for found in each:
            if found.family == socket.AF_INET and not found.address.startswith("127."):
                return found.address
    return None


def subscribe(home, outside, targets: dict[str, str], events: str = "binding.*") -> None:
    home.settle(
        "".join(
            SUBSCRIPTION.format(uid=uid, events=events, url=url, secret=outside.SECRET)
            for uid, url in targets.items()
        )
    )


async def test_a_subscription_that_leads_inside_is_refused_where_it_is_written(home, outside):
    home.settle("webhooks:\n")
    subscribe(
        home,
        outside,
        {
            "private": f"http://{PRIVATE}/hook",
            "own": f"http://127.0.0.1:{home.port}/webhooks/card",
            "own-by-name": f"http://localhost:{home.port}/webhooks/card",
        },
    )
    for command in ("check", "run"):
        code, output, errors = await home.command(command)
        assert code == 1
        said = output + errors
        assert "webhooks[0].targetUrl: leads to a private address" in said
        assert "webhooks[1].targetUrl: leads back to this daemon" in said
        assert "webhooks[2].targetUrl: leads back to this daemon" in said


async def test_targets_that_turn_out_to_be_inside_and_a_receiver_that_is_gone(
    home, outside, receivers, monkeypatch
):
    # what the configuration does not tell shows at each attempt only
    inside = {
        "looped": f"http://localhost:{home.port}/webhooks/card",
        "inside": f"http://{PRIVATE}/hook",
    }
    if address := other_address():
        inside["looped-by-address"] = f"http://{address}:{home.port}/webhooks/card"
    for uid, url in inside.items():
        monkeypatch.setenv(variable(uid), url)
    allow = ", ".join(f'"{each}"' for each in ("127.0.0.1", "localhost", address) if each)
    (home.home / "config" / "repaintd.yaml").write_text(
        SETTINGS.format(port=home.port, allow=allow)
    )
    subscribe(home, outside, {uid: f"${{env:{variable(uid)}}}" for uid in inside})
    here = f"http://127.0.0.1:{receivers.port}"
    subscribe(home, outside, {"gone": f"{here}/gone"})
    subscribe(home, outside, {"watch": f"{here}/watch"}, events="webhook.disabled")
    home.bind(outside.pushed("card"))
    async with home.running():
        await check_gone(home, outside, receivers)
        await check_inside(home, outside, inside)


def variable(uid: str) -> str:
    return f"HOOK_{uid.upper().replace('-', '_')}"


async def check_gone(home, outside, receivers) -> None:
    await home.until(lambda: receivers.taken["watch"])
    (event,) = map(json.loads, receivers.taken["watch"])
    assert event["event"] == "webhook.disabled"
    assert event["data"]["subscriptionId"] == "gone"
    assert "410" in event["data"]["lastError"]
    (line,) = home.said("sink is given up until it is resumed or changed", sink="webhooks/gone")
    assert line["level"] == "error"
    metrics = await home.metrics()
    assert metrics['repaintd_sink_active{sink="webhooks/gone"}'] == 0
    assert metrics['repaintd_sink_active{sink="webhooks/watch"}'] == 1

    # nothing is attempted, but nothing is forgotten either
    assert receivers.asked["gone"] == 1
    body = json.dumps({"n": 1})
    assert (await home.post("/webhooks/card", body, outside.signed("msg_1", body)))[0] == 202
    await home.until(lambda: len(home.events("binding.updated")) == 2)
    assert receivers.asked["gone"] == 1
    code, table, _ = await home.command("deliveries", "--subscription", "gone")
    assert code == 0
    assert "410 Gone: the receiver wants no more messages; again after --resume" in table
    receivers.open = True
    code, output, _ = await home.command("deliveries", "--resume", "gone")
    assert code == 0
    assert output.startswith("gone")
    assert "active" in output
    told = [row[0] for row in outside.query(home, "SELECT body FROM events WHERE uid = 'card'")]
    await home.until(lambda: receivers.taken["gone"] == told)
    while (await home.metrics())['repaintd_sink_active{sink="webhooks/gone"}'] != 1:
        await asyncio.sleep(0.1)  # what scrapers get is kept for a moment
    code, _, errors = await home.command("deliveries", "--resume", "nobody")
    assert code == 1
    assert "no subscription" in errors


async def check_inside(home, outside, inside: dict[str, str]) -> None:
    def dead() -> bool:
        rows = outside.query(home, "SELECT DISTINCT sink FROM deliveries WHERE dead")
        return {sink for (sink,) in rows} == {f"webhooks/{uid}" for uid in inside}

    await home.until(dead)
    code, table, _ = await home.command("deliveries", "--failed")
    assert code == 0
    code, output, _ = await home.command("deliveries", "--failed", "--json")
    assert code == 0
    attempts = json.loads(output)["deliveries"]
    for uid in inside:
        why = "private address" if uid == "inside" else "own listener"
        own = [each for each in attempts if each["subscription"] == uid]
        assert all(why in each["error"] and each["status"] is None for each in own)
        assert [each["attempt"] for each in own if each["dead"]] == [2] * (len(own) // 2)
        assert any(uid in line and why in line for line in table.splitlines()), table
