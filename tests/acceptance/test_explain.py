"""Why a binding is as it is, asked of a daemon that runs and of one that was killed."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.chromium, pytest.mark.slow, pytest.mark.timeout(180)]

BOUND = "freshness: { maxStale: 3s }"


async def explained(home, uid: str = "price"):
    code, output, errors = await home.command("explain", uid, "--json")
    assert code == 0, errors
    return json.loads(output)


async def test_what_happened_is_told_with_a_daemon_and_after_its_death(home, source):
    source.documents["price"] = {"title": "Price", "n": 5}
    home.bind(home.http_binding("price", source.url("price"), extra=BOUND))
    await home.start()
    await home.ready()
    await home.until(lambda: home.events("binding.updated") and source.answers[304] >= 3)
    running = await explained(home)
    assert running["running"]
    assert running["status"] == "active"
    assert [run["outcome"] for run in running["runs"]] == ["not_modified", "published"]
    assert running["runs"][0]["count"] >= 3
    assert running["runs"][1]["changed"] == ["n", "title"]
    assert running["runs"][1]["stages"].keys() >= {"fetch", "expand", "render", "publish"}

    source.status = 500
    await home.until(lambda: home.events("binding.stale") and source.answers[500] >= 2)
    failing = await explained(home)
    assert failing["freshness"]["staleSince"] is not None
    assert failing["failures"][0]["error"] == "Data source returned 500"
    code, text, _ = await home.command("explain", "price")
    assert code == 0
    assert text.startswith("price is failing and stale: ")

    await home.kill()
    left = await explained(home)
    assert not left["running"]
    assert [run["number"] for run in left["runs"]][-2:] == [2, 1]
    assert left["failures"]


async def test_data_that_is_too_old_is_told_of_once_though_the_daemon_starts_anew(home, source):
    source.documents["price"] = {"title": "Price", "n": 5}
    home.bind(home.http_binding("price", source.url("price"), extra=BOUND))
    await home.start()
    await home.ready()
    await home.until(lambda: home.events("binding.updated"))
    _, headers, _ = await home.get("/b/price.png")
    assert headers.keys() >= {"Age", "X-Data-As-Of"}
    source.status = 500
    await home.until(lambda: home.events("binding.stale"))
    assert (await home.metrics())['repaintd_binding_stale{binding="price"}'] == 1
    await home.kill()

    await home.start()
    await home.ready()
    asked = source.answers[500]
    await home.until(lambda: source.answers[500] > asked + 3, 60)
    assert not home.events("binding.stale")
    _, headers, _ = await home.get("/b/price.png")
    assert headers["X-Pictify-Stale"] == "true"
    source.status = 200
    await home.until(lambda: home.events("binding.fresh"))
    assert (await home.metrics())['repaintd_binding_stale{binding="price"}'] == 0
