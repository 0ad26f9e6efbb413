"""What an operator does: a good change, a bad one, the fix; nothing else is disturbed."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import socket

import pytest
from aiohttp import web

pytestmark = [pytest.mark.chromium, pytest.mark.slow]

OTHER_TEMPLATE = "<!doctype html><body style='font:40px sans-serif'>{{ title }}: {{ n }}</body>"


def binding(home, source, uid: str, *, ttl: int = 3_600, extra: str = "", template="card") -> str:
    source.documents.setdefault(uid, {"title": uid, "n": 1})
    text = home.http_binding(uid, source.url(uid), ttl=ttl, extra=extra)
    return text.replace("templateId: card", f"templateId: {template}")


def edit(home, old: str, new: str, name: str = "bindings/all.yaml") -> None:
    """As editors do it: a new file beside, then the rename."""
    path = home.home / "config" / name
    beside = path.with_name(f".{path.name}.swp")
    beside.write_text(path.read_text().replace(old, new))
    beside.rename(path)


def write(home, name: str, text: str) -> None:
    path = home.home / "config" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


async def gauge_is(home, value: int) -> None:
    """The page of metrics is up to a second old."""
    async with asyncio.timeout(5):
        while (await home.metrics())["repaintd_config_last_reload_successful"] != value:
            await asyncio.sleep(0.2)


async def told(home, name: str) -> list[dict]:
    """`data` of the events of that name, oldest first."""
    code, output, errors = await home.command("events", "--json", "--event", name)
    assert code == 0, errors
    return [json.loads(line)["data"] for line in output.splitlines()]


async def test_a_good_change_a_bad_one_and_the_fix_that_equals_the_last_good_tree(home, source):
    home.bind(binding(home, source, "one"), binding(home, source, "two"))
    async with home.running():
        await home.until(lambda: len(home.events("binding.updated")) == 2)
        edit(home, "name: two", "name: Zwei")
        await home.until(lambda: home.said("configuration applied", changed=1))
        good = (home.home / "config" / "bindings" / "all.yaml").read_text()
        edit(home, "templateId: card", "templateId: ghost")
        await home.until(lambda: home.said("configuration rejected; the active one stays"))
        (line,) = home.said("configuration rejected; the active one stays")
        assert line["count"] == 2
        assert line["problems"][0].startswith("bindings/all.yaml:4:")
        await gauge_is(home, 0)
        assert {name: (await home.get(f"/b/{name}.png"))[0] for name in ("one", "two")} == {
            "one": 200,
            "two": 200,
        }
        (home.home / "config" / "bindings" / "all.yaml").write_text(good)
        await home.until(lambda: home.said("configuration is good again; nothing has changed"))
        await gauge_is(home, 1)
        assert len(home.events("binding.updated")) == 2
        (rejected,) = await told(home, "config.rejected")
        assert rejected["count"] == 2
        assert rejected["problems"][0]["file"] == "bindings/all.yaml"
        applied = await told(home, "config.applied")
        assert applied[0]["changed"] == [{"uid": "two", "fields": ["name"]}]
        assert applied[1]["counts"]["changed"] == 0


async def test_a_template_edit_draws_its_bindings_anew_and_asks_no_source(home, source):
    shutil.copytree(
        home.home / "config" / "templates" / "card", home.home / "config" / "templates" / "wide"
    )
    home.bind(
        *(binding(home, source, f"card-{n}") for n in range(3)),
        *(binding(home, source, f"wide-{n}", template="wide") for n in range(2)),
    )
    async with home.running():
        await home.until(lambda: len(home.events("binding.updated")) == 5)
        asked, before = source.asked, home.output.joinpath("wide-0.png").read_bytes()
        edit(home, "{{ title }}", "The {{ title }}", "templates/wide/template.html")
        await home.until(lambda: len(home.events("binding.updated")) == 7)
        redrawn = home.events("binding.updated")[5:]
        assert {event["binding"] for event in redrawn} == {"wide-0", "wide-1"}
        assert {event["trigger"] for event in redrawn} == {"update"}
        assert source.asked == asked
        assert home.output.joinpath("wide-0.png").read_bytes() != before
        (applied,) = await told(home, "config.applied")
        assert applied["templates"] == ["wide"]
        assert [change["fields"] for change in applied["changed"]] == [["template"]] * 2


async def test_c4_a_hundred_refreshes_under_way_go_on_during_a_reload(home, source):
    uids = [f"card-{n:03}" for n in range(100)]
    home.settle("refresh: { minTtlSeconds: 1, concurrency: 200, perHost: 200 }")
    path = home.home / "config" / "repaintd.yaml"
    path.write_text(path.read_text().replace("refresh: { minTtlSeconds: 1 }\n", ""))
    home.bind(*(binding(home, source, uid) for uid in uids))
    source.gate.clear()
    async with home.running():
        await home.until(lambda: source.asked == 100)
        home.bind(
            *(binding(home, source, uid) for uid in uids[:-1]),
            binding(home, source, "another"),
        )
        await home.until(lambda: home.said("configuration applied", added=1, removed=1))
        await home.until(lambda: source.asked == 101)
        source.gate.set()
        await home.until(lambda: len(home.events("binding.updated")) == 100, 60)
        await asyncio.sleep(1)
        assert source.asked == 101
        drawn = {event["binding"]: event["sequence"] for event in home.events("binding.updated")}
        assert drawn == dict.fromkeys([*uids[:-1], "another"], 1)
        assert not home.output.joinpath(f"{uids[-1]}.png").exists()


async def test_sighup_and_the_api_reload_at_once_and_say_what_came_of_it(home, source):
    home.settle("reload: { watch: false, pollSeconds: 3600 }")
    home.bind(binding(home, source, "one"))
    async with home.running():
        await home.until(lambda: home.events("binding.updated"))
        home.bind(binding(home, source, "one"), binding(home, source, "two"))
        await asyncio.sleep(1)
        assert not home.said("configuration applied")
        home.signal(signal.SIGHUP)
        await home.until(lambda: home.said("configuration applied", added=1))
        await home.until(lambda: len(home.events("binding.updated")) == 2)

        assert (await home.post("/-/reload"))[0] == 401
        answer = await home.post("/-/reload", headers=home.authorisation)
        assert answer == (200, {"applied": None, "unchanged": True})
        home.bind(binding(home, source, "two"))
        code, answer = await home.post("/-/reload", headers=home.authorisation)
        assert (code, answer["applied"]["removed"]) == (200, ["one"])
        assert (await home.get("/b/one.png"))[0] == 404
        assert not home.output.joinpath("one.png").exists()
        assert not [name for name in await home.metrics() if 'binding="one"' in name]
        home.bind("[")
        code, answer = await home.post("/-/reload", headers=home.authorisation)
        assert (code, answer["code"]) == (422, "configuration_rejected")
        assert answer["problems"][0]["file"] == "bindings/all.yaml"
        assert (await home.get("/readyz"))[0] == 200


@pytest.fixture
async def receiver():
    """Takes what subscriptions tell it."""
    taken: list[dict] = []

    async def take(request: web.Request) -> web.Response:
        taken.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1], taken
    await runner.cleanup()


async def test_subscriptions_and_keys_come_and_go_without_a_restart(
    home, source, receiver, outside
):
    port, taken = receiver
    home.bind(binding(home, source, "one"))
    async with home.running():
        await home.until(lambda: home.events("binding.updated"))
        settings = (home.home / "config" / "repaintd.yaml").read_text()
        home.settle(
            f"""
            webhooks:
              - {{ uid: ops, event: "config.*", targetUrl: "http://127.0.0.1:{port}/hook",
                  secret: "{outside.SECRET}" }}
            """
        )
        edit(home, "server: {", 'server: { apiKeys: ["sixteen-characters"],', "repaintd.yaml")
        await home.until(lambda: taken)
        assert taken[0]["event"] == "config.applied"
        assert taken[0]["data"]["settings"] == ["server.apiKeys", "webhooks.ops"]
        key = {"Authorization": "Bearer sixteen-characters"}
        home.bind("[")
        await home.until(lambda: len(taken) == 2)
        assert (taken[1]["event"], taken[1]["data"]["count"]) == ("config.rejected", 1)

        (home.home / "config" / "repaintd.yaml").write_text(settings + "render: { pages: 1 }\n")
        home.bind(binding(home, source, "one"))
        code, answer = await home.post("/-/reload", headers=key)
        assert code in (200, 401)  # it may have been found already, and the key be gone with it
        await home.until(lambda: len(home.said("configuration applied")) == 2)
        assert (await home.post("/-/reload", headers=key))[0] == 401
        warning = "some changed settings need a restart: `systemctl restart repaintd`"
        assert home.said(warning)[0]["settings"] == ["render.pages"]
        code, answer = await home.post("/-/reload", headers=home.authorisation)
        assert (code, answer["unchanged"]) == (200, True)
        assert len(taken) == 2


async def test_a_binding_that_is_removed_while_it_is_drawn_leaves_nothing(home, source):
    slow = "<!doctype html><script>const t = Date.now(); while (Date.now() - t < 4000);</script>"
    write(home, "templates/slow/template.html", slow)
    write(home, "templates/slow/template.yaml", "javascript: true\n")
    home.bind(binding(home, source, "one"), binding(home, source, "two", template="slow"))
    async with home.running():
        await home.until(lambda: home.events("binding.updated", "one") and source.asked == 2)
        await asyncio.sleep(1)
        both = (home.home / "config" / "bindings" / "all.yaml").read_text()
        home.bind(binding(home, source, "one"))
        await home.until(lambda: home.said("configuration applied", removed=1), 10)
        await asyncio.sleep(6)
        assert [path.name for path in home.output.iterdir()] == ["one.png"]
        assert not home.events("binding.updated", "two")
        assert (await home.get("/b/two.png"))[0] == 404
        write(home, "templates/slow/template.html", "<!doctype html>quick")
        (home.home / "config" / "bindings" / "all.yaml").write_text(both)
        await home.until(lambda: home.events("binding.updated", "two"), 30)
        assert home.events("binding.updated", "two")[0]["sequence"] == 1


async def test_systemd_is_told_when_a_reload_begins_and_that_it_is_over(
    home, source, tmp_path, monkeypatch
):
    said: list[str] = []

    class Manager(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            said.append(data.decode())

    loop = asyncio.get_running_loop()
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.setblocking(False)
    notify.bind(str(tmp_path / "notify"))
    transport, _ = await loop.create_datagram_endpoint(Manager, sock=notify)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    home.bind(binding(home, source, "one"))
    try:
        async with home.running():
            await home.until(lambda: "READY=1" in said)
            for text, status in (("[", "is not valid and not in use"), ("", "1 bindings")):
                said.clear()
                home.bind(text or binding(home, source, "one"))
                home.signal(signal.SIGHUP)
                await home.until(lambda: any(each.startswith("READY=1") for each in said))
                begin = next(each for each in said if each.startswith("RELOADING=1\n"))
                assert re.search(r"^MONOTONIC_USEC=\d+$", begin, re.MULTILINE)
                assert status in next(each for each in said if each.startswith("READY=1"))
                assert said.index(begin) == 0
                await asyncio.sleep(1.5)  # the watch and the signal are one change
    finally:
        transport.close()


async def test_an_emptied_tree_changes_nothing_at_once(home, source):
    home.bind(binding(home, source, "one"))
    async with home.running():
        await home.until(lambda: home.events("binding.updated"))
        (home.home / "config" / "bindings" / "all.yaml").unlink()
        await home.until(lambda: home.said("configuration rejected; the active one stays"))
        (line,) = home.said("configuration rejected; the active one stays")
        assert "has no bindings any more" in line["problems"][0]
        assert (await home.get("/b/one.png"))[0] == 200
        home.bind(binding(home, source, "one"))
        await home.until(lambda: home.said("configuration is good again; nothing has changed"))
