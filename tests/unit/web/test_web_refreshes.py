"""Refreshes by hand."""

from __future__ import annotations

import orjson
import pytest

from repaintd.core.status import binding_document
from repaintd.errors import StoreUnavailable
from repaintd.web import refreshes

PROBLEM = "application/problem+json"
KEY = {"Authorization": "Bearer k3y-of-the-house"}
URL = "https://pics.example.net/b/card.png"


async def ask(client, path="/bindings/card/refresh", **options):
    async with client.post(path, headers=KEY, **options) as response:
        return response.status, orjson.loads(await response.read())


@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize("options", [{}, {"json": {}}, {"data": b"anything"}])
async def test_a_refresh_is_queued_and_answered_at_once(house, client, prefix, options):
    house.add("card")

    answer = await ask(client, f"{prefix}/bindings/card/refresh", **options)

    assert answer == (
        202,
        {
            "status": "refreshing",
            "bindingId": "card",
            "refreshId": "ref_2",
            "queued": True,
            "imageUrl": URL,
            "renderUrl": URL,
        },
    )
    assert house.intake.refreshes == [("card", 0)]


@pytest.mark.parametrize(
    ("outcome", "state", "status"),
    [
        ({}, {}, "refreshed"),
        ({}, {"error_count": 1, "last_error": "no"}, "failed"),
        ({"done": False}, {}, "refreshing"),
    ],
)
async def test_who_waits_is_told_what_became_of_it(house, client, outcome, state, status):
    view = house.add("card", **state)
    house.intake.refreshed = outcome

    code, document = await ask(client, "/bindings/card/refresh?wait=60")

    assert (code, document["status"], document["changed"]) == (200, status, True)
    tally = house.metrics.tally("card")
    assert document["binding"] == binding_document(view, tally, "https://pics.example.net")
    assert house.intake.refreshes == [("card", 60)]


async def test_a_paused_binding_is_not_refreshed(house, client):
    house.add("card", paused=True)

    for query in ("", "?wait=5"):
        code, document = await ask(client, f"/bindings/card/refresh{query}")
        assert (code, document["queued"], document["status"]) == (202, False, "paused")


async def test_what_there_is_not_cannot_be_refreshed(client):
    code, document = await ask(client, "/bindings/nobody/refresh")

    assert (code, document["code"]) == (404, "binding_not_found")


@pytest.mark.parametrize("wait", ["0", "61", "-1", "1.5", "true", "", "1e1", "٣", "9" * 30])
async def test_a_wait_that_is_none_is_a_400(house, client, wait):
    house.add("card")

    code, document = await ask(client, f"/bindings/card/refresh?wait={wait}")

    assert (code, document["errors"][0]["field"]) == (400, "wait")
    assert house.intake.refreshes == []


async def test_who_asks_when_nothing_can_be_written_is_told_to_come_back(house, client):
    house.add("card")
    house.intake.fault = StoreUnavailable("full")

    code, document = await ask(client)

    assert (code, document["retryAfter"]) == (503, 1)


async def test_nobody_waits_for_ever(house, client, monkeypatch):
    monkeypatch.setattr(refreshes, "_SPARE", 0.05)
    house.add("card")
    house.intake.hangs = True

    assert (await ask(client))[0] == 503


async def test_a_daemon_that_takes_no_triggers_yet_says_so(house):
    house.changes["intake"] = None
    async with house.client() as client:
        assert (await ask(client))[0] == 503


async def test_bad_input_48_only_post_refreshes(house, client):
    async with client.get("/bindings/card/refresh", headers=KEY) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "POST"
