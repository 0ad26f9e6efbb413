"""Explanations."""

from __future__ import annotations

import orjson
import pytest

from repaintd.errors import StoreUnavailable

KEY = {"Authorization": "Bearer k3y-of-the-house"}


class FakeExplainer:
    fault = None

    async def explain(self, uid, /):
        if self.fault:
            raise self.fault
        return {"uid": uid, "verdict": "it is so"} if uid == "card" else None


async def ask(client, path="/bindings/card/explain", headers=KEY):
    async with client.get(path, headers=headers) as response:
        return response.status, orjson.loads(await response.read())


@pytest.fixture
def explainer(house):
    house.changes["explainer"] = FakeExplainer()
    return house.changes["explainer"]


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_who_has_a_key_is_told_why(explainer, client, prefix):
    answer = await ask(client, f"{prefix}/bindings/card/explain")
    assert answer == (200, {"uid": "card", "verdict": "it is so"})


async def test_errors_of_sources_are_not_for_everybody(explainer, client):
    status, document = await ask(client, headers={})
    assert (status, document["code"]) == (401, "invalid_api_key")


async def test_what_there_is_not_cannot_be_explained(explainer, client):
    status, document = await ask(client, "/bindings/nobody/explain")
    assert (status, document["code"]) == (404, "binding_not_found")


async def test_a_database_that_cannot_be_read_is_a_503(explainer, client):
    explainer.fault = StoreUnavailable("disk gone")
    status, _ = await ask(client)
    assert status == 503


async def test_without_an_explainer_it_is_later(client):
    status, _ = await ask(client)
    assert status == 503
