"""The daemon as its user meets it: change the data, see the image; break the source, keep it."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from typing import Any

import aiohttp
import pytest

pytestmark = [pytest.mark.chromium, pytest.mark.slow]


async def test_the_tour(home, source):
    source.documents["card"] = {"title": "Hello", "n": 1}
    home.bind(home.http_binding("card", source.url("card")))
    async with home.running():
        await home.until(lambda: home.events("binding.updated"))
        status, headers, first = await home.get("/b/card.png")
        assert (status, headers["Content-Type"]) == (200, "image/png")
        assert first == (home.output / "card.png").read_bytes()
        assert first[:4] == b"\x89PNG"

        # left unchanged: 304s and nothing else
        before = source.answers[304]
        await home.until(lambda: source.answers[304] >= before + 2)
        assert len(home.events("binding.updated")) == 1
        status, _, body = await home.get("/b/card.png", **{"If-None-Match": headers["ETag"]})
        assert (status, body) == (304, b"")

        # changed: the same file, new content, one event
        source.documents["card"] = {"title": "Changed", "n": 2}
        await home.until(lambda: len(home.events("binding.updated")) == 2)
        _, _, second = await home.get("/b/card.png")
        assert second != first
        assert second == (home.output / "card.png").read_bytes()

        # broken: the failure is told, the image stays
        source.status = 500
        await home.until(lambda: home.events("binding.failed"))
        status, headers, body = await home.get("/b/card.png")
        assert (status, body) == (200, second)
        assert headers["X-Pictify-Stale"] == "true"
        _, _, body = await home.get("/status.json")
        (binding,) = json.loads(body)["bindings"]
        assert (binding["status"], binding["lastErrorStage"]) == ("error", "fetch")
        assert binding["lastError"].startswith("Data source returned 500")
        metrics = await home.metrics()
        assert metrics['repaintd_binding_consecutive_failures{binding="card"}'] >= 1

        # repaired: it recovers by itself
        source.status = 200
        source.documents["card"] = {"title": "Repaired", "n": 3}
        await home.until(lambda: len(home.events("binding.updated")) == 3)
        assert len(home.said("binding failed")) == 1
        await home.until(lambda: home.said("binding recovered"))


async def test_a_restart_draws_nothing_that_is_unchanged_and_forgets_no_back_off(home, source):
    source.documents["good"] = {"title": "Good", "n": 1}
    bad = home.http_binding("bad", "http://127.0.0.1:9/nothing", ttl=600)
    home.bind(home.http_binding("good", source.url("good"), ttl=600), bad)
    async with home.running():
        await home.until(lambda: home.events("binding.updated") and home.events("binding.failed"))
        before = await status(home)
    asked = sum(source.answers.values())
    async with home.running():
        after = await status(home)
        assert after["bad"]["errorCount"] >= 1
        assert after["bad"]["dueReason"] == "retry"
        assert after["good"]["dueReason"] == "policy"
        for key in ("nextRefreshAt", "lastRenderAt", "lastFetchAt", "image"):
            assert after["good"][key] == before["good"][key], key
    assert sum(source.answers.values()) == asked


async def status(home) -> dict[str, dict[str, Any]]:
    _, _, body = await home.get("/status.json")
    return {binding["uid"]: binding for binding in json.loads(body)["bindings"]}


async def test_a_missing_file_and_a_changed_template_are_drawn_without_a_fetch(home, source):
    source.documents["card"] = {"title": "Hello", "n": 1}
    home.bind(home.http_binding("card", source.url("card"), ttl=600))
    async with home.running():
        await home.until(lambda: home.events("binding.updated"))
    asked = sum(source.answers.values())
    first = (home.output / "card.png").read_bytes()
    (home.output / "card.png").unlink()
    async with home.running():
        await home.until((home.output / "card.png").exists)
        assert (home.output / "card.png").read_bytes() == first
    template = home.home / "config" / "templates" / "card" / "template.html"
    template.write_text(template.read_text().replace("#123", "#321"))
    async with home.running():
        await home.until(lambda: home.events("binding.updated"))
        assert (home.output / "card.png").read_bytes() != first
    assert sum(source.answers.values()) == asked


async def test_a_removed_binding_loses_its_image_and_a_paused_one_keeps_it(home, source):
    source.documents.update(a={"title": "a"}, b={"title": "b"})
    both = (home.http_binding("a", source.url("a")), home.http_binding("b", source.url("b")))
    home.bind(*both)
    async with home.running():
        await home.until(lambda: len(home.events("binding.updated")) == 2)
    home.bind(home.http_binding("b", source.url("b"), extra="paused: true"))
    asked = sum(source.answers.values())
    async with home.running():
        assert not (home.output / "a.png").exists()
        status, _, _ = await home.get("/b/b.png")
        assert status == 200
        status, _, _ = await home.get("/b/a.png")
        assert status == 404
        await asyncio.sleep(1.5)  # more than a period: nothing may be fetched
    assert sum(source.answers.values()) == asked


async def test_bad_input_16_an_emptied_configuration_removes_nothing_unless_told_to(home, source):
    source.documents["card"] = {"title": "Hello"}
    home.bind(home.http_binding("card", source.url("card"), ttl=600))
    async with home.running():
        await home.until(lambda: home.events("binding.updated"))
    full = (home.home / "config" / "bindings" / "all.yaml").read_text()
    home.bind()
    async with home.running():
        assert [entry for entry in home.log if "has no bindings" in entry["event"]]
    assert (home.output / "card.png").exists()
    (home.home / "config" / "bindings" / "all.yaml").write_text(full)
    async with home.running():
        _, _, body = await home.get("/status.json")
        (binding,) = json.loads(body)["bindings"]
        assert binding["lastRenderAt"] is not None, "what was known of it is known still"
    home.bind()
    async with home.running("--allow-empty"):
        assert not (home.output / "card.png").exists()


async def test_another_format_takes_the_place_of_the_old_one(home, source):
    source.documents["card"] = {"title": "Hello"}
    home.bind(home.http_binding("card", source.url("card"), ttl=600))
    async with home.running():
        await home.until(lambda: home.events("binding.updated"))
    webp = home.http_binding(
        "card", source.url("card"), ttl=600, extra="outputConfig: { format: webp }"
    )
    home.bind(webp)
    async with home.running():
        await home.until(lambda: home.events("binding.updated"))
        await home.until(lambda: not (home.output / "card.png").exists())
        status, headers, body = await home.get("/b/card.webp")
        assert (status, headers["Content-Type"], body[8:12]) == (200, "image/webp", b"WEBP")


async def test_sigterm_finishes_what_runs_and_exits_with_0(home, source):
    source.documents["card"] = {"title": "Hello"}
    source.gate.clear()
    home.bind(home.http_binding("card", source.url("card")))
    async with home.running():
        await home.until(lambda: source.asked)
        home.signal(signal.SIGTERM)
        await home.until(lambda: home.said("stopping; a second signal kills"))
        source.gate.set()
        assert await home.exit_code() == 0
    assert home.events("binding.updated"), "the refresh that was under way came to its end"
    assert home.said("stopped")
    assert (home.output / "card.png").exists()
    assert not [line for line in home.stderr if "Traceback" in line or "never" in line]


async def test_a_second_signal_kills(home):
    asked = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()  # until the daemon is gone
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        home.bind(home.http_binding("slow", f"http://127.0.0.1:{port}/never", ttl=600))
        await home.start()
        await home.until(asked.is_set, 40)
        home.signal(signal.SIGTERM)
        await home.until(lambda: home.said("stopping; a second signal kills"))
        home.signal(signal.SIGTERM)
        assert await home.exit_code(10) == -signal.SIGTERM


async def test_a_second_daemon_on_the_same_state_is_refused_in_words(home, source):
    source.documents["card"] = {"title": "Hello"}
    home.bind(home.http_binding("card", source.url("card")))
    async with home.running():
        second = type(home)(home.home, home.port)
        await second.start()
        assert await second.exit_code() == 1
        assert "another repaintd" in "".join(second.stderr)
        assert "Traceback" not in "".join(second.stderr)


async def test_readiness_and_liveness_are_tried_and_told(home, source):
    source.documents["card"] = {"title": "Hello"}
    home.bind(home.http_binding("card", source.url("card")))
    async with home.running():
        status, _, body = await home.get("/readyz")
        assert status == 200, body
        checks = json.loads(body)["checks"]
        assert set(checks) == {"database", "renderer", "scheduler"}
        status, _, _ = await home.get("/livez")
        assert status == 200


async def test_on_error_decides_what_readers_get(home, source):
    source.documents.update({name: {"title": name} for name in ("error", "default")})
    home.bind(
        *(
            home.http_binding(
                name,
                source.url(name),
                extra="defaults: { title: n/a, n: 0 }",
            ).replace("ttlSeconds: 1", f"ttlSeconds: 1, onError: serve_{name}")
            for name in ("error", "default")
        )
    )
    async with home.running():
        await home.until(lambda: len(home.events("binding.updated")) == 2)
        _, _, good = await home.get("/b/default.png")
        source.status = 503
        await home.until(
            lambda: (
                home.events("binding.failed", "error") and home.events("binding.failed", "default")
            )
        )
        status, headers, _ = await home.get("/b/error.png")
        assert (status, headers["Cache-Control"]) == (502, "no-store")
        await home.until((home.home / "state" / "defaults" / "default.png").exists)
        status, headers, body = await home.get("/b/default.png")
        assert (status, headers.get("X-Pictify-Default")) == (200, "true")
        assert body != good
        assert (home.output / "default.png").read_bytes() == good


async def test_events_are_rows_before_anyone_reads_them(home, source):
    source.documents["card"] = {"title": "Hello"}
    home.bind(home.http_binding("card", source.url("card")))
    async with home.running():
        await home.until(lambda: home.events("binding.updated"))
        await home.kill()
    (database,) = (home.home / "state").glob("*.sqlite3")
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT id, name, uid, sequence FROM events").fetchall()
    said = home.events("binding.updated")[0]
    assert rows == [(said["event_id"], "binding.updated", "card", 1)]


async def test_the_first_request_waits_for_the_first_image(home, source):
    source.documents["card"] = {"title": "Hello"}
    home.bind(home.http_binding("card", source.url("card")))
    await home.start()
    async with aiohttp.ClientSession() as session:
        for _ in range(400):
            try:
                async with session.get(f"http://127.0.0.1:{home.port}/b/card.png") as response:
                    assert response.status == 200
                    break
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
        else:
            pytest.fail("the daemon never listened")
