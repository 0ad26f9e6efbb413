from __future__ import annotations

from types import SimpleNamespace

import orjson
import pytest

from repaintd.core.fetch import Fetched, FetchRequest, NoDocument
from repaintd.core.intake import Intake, Push
from repaintd.core.state import Trigger
from repaintd.errors import FetchFailed, StoreUnavailable
from repaintd.runtime.sources import LARGE, PushedSource, StaticSource
from repaintd.testing import MemoryStore

REQUEST = FetchRequest(uid="card", spec=None)


async def pushed(payload: bytes) -> Fetched:
    store = MemoryStore()
    await store.accept(
        Intake(
            uid="card",
            refresh_id="r",
            trigger=Trigger.WEBHOOK,
            at=0.0,
            push=Push(payload=payload),
        )
    )
    result = await PushedSource(store).fetch(REQUEST)
    assert isinstance(result, Fetched)
    return result


class Broken:
    def __init__(self, answer: bytes | Exception) -> None:
        self._answer = answer

    async def accept(self, intake):
        raise NotImplementedError

    async def document(self, uid: str) -> bytes | None:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize("source", [PushedSource(), PushedSource(MemoryStore())])
async def test_before_the_first_payload_there_is_no_document(source):
    assert await source.fetch(REQUEST) == NoDocument()


@pytest.mark.parametrize("size", [1, LARGE + 1])
async def test_what_was_pushed_is_the_document(size: int):
    payload = orjson.dumps({"title": "x" * size})
    result = await pushed(payload)
    assert result.document == {"title": "x" * size}
    assert result.body_hash == (await pushed(payload)).body_hash
    assert result.body_hash != (await pushed(payload + b" ")).body_hash


async def test_a_database_that_cannot_be_read_is_a_failed_fetch():
    with pytest.raises(FetchFailed, match="disk gone") as failed:
        await PushedSource(Broken(StoreUnavailable("disk gone"))).fetch(REQUEST)
    assert failed.value.reason == "state"


@pytest.mark.parametrize("blob", [b"", b"{", b"\xff"])
async def test_a_document_that_is_no_json_any_more_is_a_failed_fetch(blob: bytes):
    with pytest.raises(FetchFailed, match="push it again"):
        await PushedSource(Broken(blob)).fetch(REQUEST)


@pytest.mark.parametrize(("data", "document"), [({"a": 1}, {"a": 1}), (None, {})])
async def test_static_data_stands_in_the_binding(data, document):
    spec = SimpleNamespace(static_data=data)
    result = await StaticSource().fetch(FetchRequest(uid="card", spec=spec))
    assert result.document == document
