"""The commands that talk to the running daemon, as a shell runs them: one daemon for all."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

pytestmark = [pytest.mark.chromium, pytest.mark.slow]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "a-token-that-nobody-guesses"
SETTINGS = """
plugins:
  webhooks: {{ retries: [1], timeout: 2 }}
webhooks:
  - uid: chat
    events: ["*"]
    targetUrl: "http://127.0.0.1:{port}/hook"
    secret: "{secret}"
"""
PUSHED = """
  - uid: {uid}
    templateId: card
    dataSource: {{ type: webhook }}
    mapping: {{ title: title, n: n }}
    refreshPolicy: {{ type: webhook }}
    webhook: {{ {webhook} }}
    {extra}
"""


class Hooked:
    """A receiver that fails until it is told to work."""

    def __init__(self) -> None:
        self.works = False
        self.received: list[str] = []

    async def take(self, request: web.Request) -> web.Response:
        if not self.works:
            return web.Response(status=500)
        self.received.append(request.headers["webhook-id"])
        return web.Response(status=204)


@pytest.fixture
async def receiver():
    hooked = Hooked()
    app = web.Application()
    app.router.add_post("/hook", hooked.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hooked.port = runner.addresses[0][1]
    yield hooked
    await runner.cleanup()


class Shell:
    """Runs commands on one configuration."""

    def __init__(self, home) -> None:
        self._home = home

    async def begin(self, *arguments: str, **environ: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "repaintd", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "CONFIGURATION_DIRECTORY": f"{self._home.home}/config", **environ},
        )

    async def __call__(
        self, *arguments: str, stdin: str = "", code: int = 0, **environ: str
    ) -> tuple[str, str]:
        process = await self.begin(*arguments, **environ)
        async with asyncio.timeout(60):
            out, err = await process.communicate(stdin.encode())
        assert "Traceback" not in err.decode()
        assert process.returncode == code, f"{arguments}: {out.decode()}{err.decode()}"
        return out.decode(), err.decode()

    async def documents(self, *arguments: str) -> list[dict[str, Any]]:
        out, _ = await self(*arguments)
        return [json.loads(line) for line in out.splitlines()]

    @asynccontextmanager
    async def following(self, *arguments: str):
        process = await self.begin("events", "--follow", *arguments)
        yield process
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def next_event(process: asyncio.subprocess.Process) -> dict[str, Any]:
    async with asyncio.timeout(40):
        return json.loads(await process.stdout.readline())


def configure(home, source, receiver) -> None:
    settings = home.home / "config" / "repaintd.yaml"
    settings.write_text(settings.read_text() + SETTINGS.format(port=receiver.port, secret=SECRET))
    source.documents["good"] = {"title": "Good", "n": 1}
    signed = f'secret: "{SECRET}", debounce: 0.1'
    home.bind(
        home.http_binding("good", source.url("good"), ttl=600),
        home.http_binding("bad", "http://127.0.0.1:9/nothing", ttl=600),
        PUSHED.format(uid="pushed", webhook=signed, extra=""),
        PUSHED.format(uid="paused", webhook=signed, extra="paused: true"),
        PUSHED.format(uid="token", webhook='auth: token, secret: "${env:TOKEN}"', extra=""),
    )


@pytest.mark.timeout(240)
async def test_commands_talk_to_the_daemon_that_runs(home, source, receiver, monkeypatch):
    monkeypatch.setenv("TOKEN", TOKEN)
    configure(home, source, receiver)
    shell = Shell(home)
    _, err = await shell("events", code=1)
    assert f"no daemon answers on 127.0.0.1:{home.port} (Connection refused); start it" in err

    async with home.running():
        await home.until(lambda: home.events("binding.updated", "good"))
        await refreshes(shell, home, source)
        await triggers(shell)
        await tells(shell)
        await delivers(shell, home, receiver)
        await needs_a_key(shell, home)
        await outlives_the_daemon(shell, home)


async def refreshes(shell: Shell, home, source) -> None:
    source.documents["good"] = {"title": "Better", "n": 2}
    (good, _), (_, bad), (_, unknown) = await asyncio.gather(
        shell("refresh", "good", "--wait"),
        shell("refresh", "bad", "--wait", code=1),
        shell("refresh", "goot", code=1),
    )
    assert good == f"good: a new image, http://127.0.0.1:{home.port}/b/good.png\n"
    assert bad.startswith("bad: fetch failed: ")
    assert unknown == "repaintd: there is no binding 'goot'; did you mean 'good'?\n"


async def triggers(shell: Shell) -> None:
    async with shell.following("--last", "1", "--json", "--binding", "pushed") as listener:
        await next_event(listener)  # it was drawn at the start: now it listens
        for number, sender in enumerate(("standard", "github"), 1):
            body = json.dumps({"title": sender, "n": number})
            out, _ = await shell("trigger", "pushed", "--data", "-", "--as", sender, stdin=body)
            assert out.startswith("pushed: accepted, a refresh is queued (ref_")
        while (event := await next_event(listener))["data"]["newData"]["n"] != 2:
            pass
        assert event["data"]["newData"]["title"] == "github"
    (paused, _), (_, broken), (_, stranger) = await asyncio.gather(
        shell("trigger", "paused", "--json"),
        shell("trigger", "pushed", "--data", "-", stdin='{"n": ', code=1),
        shell("trigger", "token", TOKEN="another-token-altogether", code=1),
    )
    assert json.loads(paused)["queued"] is False
    assert broken.startswith("repaintd: The body is no valid JSON")
    assert "does not accept this from 'token'" in stranger


async def tells(shell: Shell) -> None:
    (lines, _), everything = await asyncio.gather(
        shell("events", "--last", "1", "--binding", "good"),
        shell.documents("events", "--json", "--last", "1000"),
    )
    assert [line.split()[1:3] for line in lines.splitlines()] == [["binding.updated", "good"]]
    assert {"bad", "good", "pushed"} <= {each["data"].get("bindingId") for each in everything}
    since = await shell.documents("events", "--json", "--since", everything[-2]["id"])
    assert since[0] == everything[-1]


async def delivers(shell: Shell, home, receiver: Hooked) -> None:
    await home.until(lambda: home.said("sink is given up until it is resumed or changed"))
    (documents, _), (table, _) = await asyncio.gather(
        shell("deliveries", "--failed", "--limit", "1000", "--json"),
        shell("deliveries", "--subscription", "chat"),
    )
    dead = next(each for each in json.loads(documents)["deliveries"] if each["dead"])
    headings, *rows = table.splitlines()
    assert headings.split()[:3] == ["WHEN", "RECEIVER", "EVENT"]
    assert any(row.endswith("answered 500; given up") for row in rows)
    receiver.works = True
    out, _ = await shell("deliveries", "--resume", "chat", "--replay", dead["deliveryId"])
    assert out.startswith("chat: active; ")
    assert out.endswith("1 delivery is made again\n")
    await home.until(lambda: dead["eventId"] in receiver.received)


async def needs_a_key(shell: Shell, home) -> None:
    _, err = await shell("events", code=1, REPAINTD_API_KEY="a-key-of-another-house")
    assert "does not take this command's API key" in err
    key = home.home / "state" / "api-key"
    text = key.read_text()
    key.write_text("short\n")
    _, err = await shell("refresh", "good", code=1)
    assert f"the daemon's API key {key} cannot be read: it holds no key" in err
    key.write_text(text)


async def outlives_the_daemon(shell: Shell, home) -> None:
    arguments = ("--json", "--last", "1", "--event", "binding.updated", "--binding", "pushed")
    async with shell.following(*arguments) as listener:
        known = await next_event(listener)
        await home.kill()
        await home.start()
        await home.ready()
        await shell("trigger", "pushed", "--data", "-", stdin='{"title": "again", "n": 99}')
        found = await next_event(listener)
        assert found["data"]["sequence"] == known["data"]["sequence"] + 1
        assert found["data"]["newData"]["n"] == 99
        listener.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            _, err = await listener.communicate()
        assert listener.returncode == 130
        assert err.decode().startswith("the daemon is gone; waiting for it\nthe daemon is back\n")
