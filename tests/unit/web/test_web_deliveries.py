"""The delivery log, and telling things again."""

from __future__ import annotations

import orjson
import pytest

from repaintd.core.delivery import DeliveryRecord
from repaintd.errors import StoreUnavailable

NOW = 1_800_000_000.0
KEY = {"Authorization": "Bearer k3y-of-the-house"}
FAILED = DeliveryRecord(
    id="del_1",
    sink="webhooks/ops",
    event_id="evt_1",
    event="binding.updated",
    uid="card",
    position=7,
    attempt=2,
    at=NOW,
    status=500,
    seconds=0.12345,
    error="answered 500",
    next_at=NOW + 60,
)
WORKED = DeliveryRecord(
    id="del_2",
    sink="mqtt",
    event_id="evt_2",
    event="webhook.disabled",
    uid="",
    position=8,
    attempt=1,
    at=NOW,
    status=None,
    seconds=0.0,
)


async def ask(client, path, method="GET"):
    async with client.request(method, path, headers=KEY) as response:
        return response.status, orjson.loads(await response.read())


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_the_log_tells_every_attempt(house, client, prefix):
    house.deliveries.records = [FAILED, WORKED]

    status, document = await ask(client, f"{prefix}/deliveries")

    assert status == 200
    assert document == {
        "deliveries": [
            {
                "deliveryId": "del_1",
                "sink": "webhooks/ops",
                "subscription": "ops",
                "eventId": "evt_1",
                "event": "binding.updated",
                "bindingId": "card",
                "attempt": 2,
                "at": "2027-01-15T08:00:00.000Z",
                "status": 500,
                "durationMs": 123.5,
                "error": "answered 500",
                "nextRetry": "2027-01-15T08:01:00.000Z",
                "dead": False,
            },
            {
                "deliveryId": "del_2",
                "sink": "mqtt",
                "subscription": None,
                "eventId": "evt_2",
                "event": "webhook.disabled",
                "bindingId": "",
                "attempt": 1,
                "at": "2027-01-15T08:00:00.000Z",
                "status": None,
                "durationMs": 0.0,
                "error": None,
                "nextRetry": None,
                "dead": False,
            },
        ]
    }


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", (None, False, 100)),
        ("?failed=true&limit=1000", (None, True, 1000)),
        ("?failed=false&subscription=ops&limit=1", ("webhooks/ops", False, 1)),
    ],
)
async def test_the_log_is_filtered(house, client, query, asked):
    assert (await ask(client, f"/deliveries{query}"))[0] == 200
    assert house.deliveries.asked == [asked]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=x", "limit"),
        ("failed=yes", "failed"),
        ("subscription=", "subscription"),
        ("subscription=a/b", "subscription"),
        ("subscription=%ff", "subscription"),
    ],
)
async def test_a_question_about_deliveries_that_is_none_is_a_400(client, query, field):
    status, document = await ask(client, f"/deliveries?{query}")

    assert (status, document["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_deliveries_are_made_again_by_their_id_or_their_event_s(house, client, prefix):
    house.deliveries.replays = {"del_1": 1, "evt_1": 3}

    for name, queued in house.deliveries.replays.items():
        answer = await ask(client, f"{prefix}/deliveries/{name}/replay", "POST")
        assert answer == (202, {"queued": queued})


@pytest.mark.parametrize("name", ["del_unknown", "..", "%ff", "a%2Fb", "x" * 200])
async def test_what_was_never_delivered_cannot_be_delivered_again(client, name):
    status, document = await ask(client, f"/deliveries/{name}/replay", "POST")

    assert (status, document["code"]) == (404, "not_found")


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_a_subscription_is_resumed(house, client, prefix):
    house.deliveries.resumable = {"webhooks/ops"}

    answer = await ask(client, f"{prefix}/webhook-subscriptions/ops/resume", "POST")
    unknown = await ask(client, f"{prefix}/webhook-subscriptions/mqtt/resume", "POST")

    assert answer == (200, {"uid": "ops", "status": "active"})
    assert unknown[0] == 404


async def test_a_log_that_cannot_be_read_is_a_503(house, client):
    house.deliveries.fault = StoreUnavailable("locked")

    assert (await ask(client, "/deliveries"))[0] == 503


async def test_a_daemon_without_deliveries_says_so(house):
    house.changes["deliveries"] = None
    async with house.client() as client:
        assert (await ask(client, "/deliveries"))[0] == 503
