"""`POST /-/reload`: who may, and what is answered."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import orjson
import pytest

from repaintd.errors import RepaintdError
from repaintd.web import reload as web_reload

KEY = {"Authorization": "Bearer k3y-of-the-house"}
PROBLEM = {"file": "bindings/a.yaml", "line": 3, "column": 1, "path": "", "message": "is no"}


class FakeReload:
    """Answers, fails or hangs, as it is told."""

    def __init__(self):
        self.answer = SimpleNamespace(applied=None, rejected=None)
        self.error = None
        self.hangs = False
        self.calls = 0

    async def reload(self):
        self.calls += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return self.answer


@pytest.fixture
def reload(house):
    house.changes["reload"] = fake = FakeReload()
    return fake


async def order(client, headers=KEY):
    async with client.post("/-/reload", headers=headers) as response:
        return response.status, orjson.loads(await response.read())


async def test_what_was_applied_is_told(reload, client):
    reload.answer.applied = {"added": ["card"], "counts": {"added": 1}}
    assert await order(client) == (200, {"applied": {"added": ["card"], "counts": {"added": 1}}})


async def test_nothing_to_apply_is_told(reload, client):
    assert await order(client) == (200, {"applied": None, "unchanged": True})


@pytest.mark.parametrize(("count", "words"), [(1, "a problem"), (2345, "2,345 problems")])
async def test_a_bad_tree_is_422_with_its_problems(reload, client, count, words):
    reload.answer.rejected = {"problems": [PROBLEM], "count": count}
    status, document = await order(client)
    assert (status, document["code"]) == (422, "configuration_rejected")
    assert (document["problems"], document["count"]) == ([PROBLEM], count)
    assert f"has {words} and was not applied" in document["detail"]


async def test_nobody_reloads_without_a_key(reload, client):
    status, document = await order(client, headers={})
    assert (status, document["code"]) == (401, "invalid_api_key")
    assert reload.calls == 0


async def test_a_get_is_no_order(reload, client):
    async with client.get("/-/reload", headers=KEY) as response:
        assert response.status == 405
    assert reload.calls == 0


async def test_what_cannot_be_done_now_is_503(reload, client):
    reload.error = RepaintdError("64 others wait")
    status, document = await order(client)
    assert (status, "64 others wait" in document["detail"]) == (503, True)
    assert document["retryAfter"] == 1


async def test_a_reload_that_does_not_end_is_not_waited_for(reload, client, monkeypatch):
    monkeypatch.setattr(web_reload, "_LONGEST", 0.01)
    reload.hangs = True
    assert (await order(client))[0] == 503


async def test_before_there_is_anybody_who_reloads_it_is_503(client):
    assert (await order(client))[0] == 503
