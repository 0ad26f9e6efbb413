"""The active configuration, as it is told to be compared."""

from __future__ import annotations

import orjson
import pytest

KEY = {"Authorization": "Bearer k3y-of-the-house"}


async def ask(client, path="/-/config", headers=KEY):
    async with client.get(path, headers=headers) as response:
        return response.status, orjson.loads(await response.read())


@pytest.fixture
def declared(house):
    house.changes["declared"] = lambda after: orjson.dumps({"after": after})


@pytest.mark.usefixtures("declared")
async def test_who_has_a_key_is_told_page_by_page(client):
    assert await ask(client) == (200, {"after": ""})
    assert await ask(client, "/-/config?after=card") == (200, {"after": "card"})


@pytest.mark.usefixtures("declared")
async def test_a_configuration_is_not_for_everybody(client):
    status, document = await ask(client, headers={})
    assert (status, document["code"]) == (401, "invalid_api_key")


@pytest.mark.usefixtures("declared")
async def test_a_page_behind_what_is_no_uid_is_refused(client):
    status, document = await ask(client, f"/-/config?after={'a' * 65}")
    assert (status, document["errors"][0]["field"]) == (400, "after")


async def test_without_a_configuration_it_is_later(client):
    status, _ = await ask(client)
    assert status == 503
