"""What needs a key is not to be had without one."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

PROBLEM = "application/problem+json"
KEY = "k3y-of-the-house"
GUARDED = [
    ("GET", "/events"),
    ("GET", "/deliveries"),
    ("POST", "/deliveries/del_1/replay"),
    ("POST", "/webhook-subscriptions/s/resume"),
    ("POST", "/bindings/card/refresh"),
]
REFUSED_49 = {
    "missing": [],
    "wrong": [("Authorization", "Bearer k3y-of-another-house")],
    "longer": [("Authorization", f"Bearer {KEY}x")],
    "another scheme": [("Authorization", f"Basic {KEY}")],
    "no scheme": [("Authorization", KEY)],
    "empty": [("Authorization", "Bearer ")],
    "two words": [("Authorization", f"Bearer {KEY} {KEY}")],
    "not ASCII": [("Authorization", "Bearer schlüssel")],
    "without end": [("Authorization", "Bearer " + "k" * 7000)],
    "two headers": [("Authorization", f"Bearer {KEY}"), ("Authorization", f"Bearer {KEY}")],
}


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_bad_input_49_without_a_good_key_there_is_one_answer(house, client, method, path):
    house.add("card")
    answers = set()

    for headers in REFUSED_49.values():
        for prefix in ("", "/v1"):
            async with client.request(method, prefix + path, headers=headers) as response:
                document = await response.json(content_type=PROBLEM)
                document.pop("requestId")
                document.pop("instance")
                answers.add((response.status, str(document), response.headers["WWW-Authenticate"]))

    ((status, document, challenge),) = answers
    assert (status, challenge) == (401, "Bearer")
    assert "invalid_api_key" in document
    assert house.intake.refreshes == []


@pytest.mark.parametrize("name", ["token", "key", "api_key", "access_token"])
async def test_bad_input_49_a_key_in_the_query_is_not_accepted_and_not_logged(house, name):
    with capture_logs() as logs:
        async with (
            house.client(access_log=True) as client,
            client.get(f"/deliveries?{name}={KEY}") as response,
        ):
            text = await response.text()

    assert response.status == 401
    assert {entry["event"] for entry in logs} == {"key refused", "request"}
    assert KEY not in str(logs) + text


async def test_bad_input_49_a_key_is_never_logged(house):
    with capture_logs() as logs:
        async with house.client(access_log=True) as client:
            for key in (KEY, KEY + "x"):
                headers = {"Authorization": f"Bearer {key}"}
                async with client.get("/deliveries", headers=headers):
                    pass

    assert len(logs) == 3
    assert KEY not in str(logs)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
async def test_a_good_key_opens(house, client, scheme):
    async with client.get("/deliveries", headers={"Authorization": f"{scheme} {KEY}"}) as response:
        assert response.status == 200


async def test_a_daemon_without_keys_lets_nobody_in(house):
    house.changes["keys"] = None
    async with (
        house.client() as client,
        client.get("/deliveries", headers={"Authorization": f"Bearer {KEY}"}) as response,
    ):
        assert response.status == 401
