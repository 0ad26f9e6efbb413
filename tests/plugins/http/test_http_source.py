from __future__ import annotations

import asyncio
import threading

import pytest

from repaintd.plugin import (
    NO_HINTS,
    NO_VALIDATORS,
    Fetched,
    FetchFailed,
    FetchRequest,
    Hints,
    HttpFailed,
    HttpResponse,
    NotModified,
    Validators,
)
from repaintd.testing import FakeHttp
from repaintd_http import document
from repaintd_http.source import LARGE, HttpSource
from repaintd_http.spec import HttpSpec

URL = "https://api.example/data"
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
NOW = 784_111_777.0
SENT = Validators(etag='W/"1"', last_modified=DATE)


def answer(status=200, body=b'{"a": 1}', url=URL, **headers):
    fields = {"Content-Type": "application/json"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status=status, headers=fields, body=body, url=url)


@pytest.fixture
def ask(secret):
    """Ask a source whose door gives *response*; the result and the door."""

    async def fetch(response, validators=NO_VALIDATORS, **keys):
        def app(request):
            if isinstance(response, Exception):
                raise response
            return response

        door = FakeHttp(app)
        source = HttpSource(door, secret, now=lambda: NOW)
        spec = HttpSpec.model_validate({"url": URL, **keys})
        request = FetchRequest(uid="u", spec=spec, validators=validators, timeout=7.0, max_bytes=9)
        return await source.fetch(request), door

    return fetch


async def failure(ask, response, *arguments, **keys):
    with pytest.raises(FetchFailed) as caught:
        await ask(response, *arguments, **keys)
    return caught.value


async def test_a_200_brings_document_hash_validators_and_hints(ask):
    response = answer(ETag='"2"', Last_Modified=DATE, Cache_Control="max-age=60", Retry_After="5")
    fetched, door = await ask(response)
    assert isinstance(fetched, Fetched)
    assert fetched.document == {"a": 1}
    assert len(fetched.body_hash) == 32
    assert fetched.validators == Validators(etag='"2"', last_modified=DATE)
    assert fetched.hints == Hints(max_age=60.0, retry_after=5.0)
    (request,) = door.requests
    assert (request.timeout, request.max_bytes, request.method) == (7.0, 9, "GET")


@pytest.mark.parametrize("status", [200, 201, 203])
async def test_these_statuses_bring_data(ask, status):
    fetched, _ = await ask(answer(status))
    assert fetched == Fetched(document={"a": 1}, body_hash=fetched.body_hash, hints=NO_HINTS)


async def test_both_validators_are_sent_back_as_they_came(ask):
    _, door = await ask(answer(), SENT)
    assert door.requests[0].headers["If-None-Match"] == 'W/"1"'
    assert door.requests[0].headers["If-Modified-Since"] == DATE


async def test_bad_input_19_the_same_body_with_a_new_etag_brings_the_new_etag(ask):
    first, _ = await ask(answer(ETag='"1"'))
    second, _ = await ask(answer(ETag='"2"'))
    assert first.body_hash == second.body_hash
    assert second.validators.etag == '"2"'


@pytest.mark.parametrize("etag", ["abc", '"' + "x" * 10_000 + '"', '"a\r\n"', '"ü"', "*", ""])
async def test_bad_input_22_a_bad_etag_is_not_stored(ask, etag):
    fetched, _ = await ask(answer(ETag=etag))
    assert fetched.validators == NO_VALIDATORS


async def test_bad_input_18_a_304_to_an_unconditional_request_is_an_error(ask):
    failed = await failure(ask, answer(304, b""))
    assert failed.reason == "protocol"
    assert "304 to a request without conditions" in str(failed)


async def test_a_304_keeps_what_was_sent(ask):
    result, _ = await ask(answer(304, b""), SENT)
    assert result == NotModified(validators=SENT, hints=NO_HINTS)
    assert result.validators is SENT


async def test_bad_input_23_a_304_refreshes_validators_and_hints(ask):
    response = answer(304, b"", ETag='"2"', Cache_Control="max-age=99999999999999")
    result, _ = await ask(response, SENT)
    assert result.validators == Validators(etag='"2"', last_modified=DATE)
    assert result.hints == Hints(max_age=86_400.0)


async def test_post_is_never_conditional(ask):
    fetched, door = await ask(answer(ETag='"2"'), SENT, method="POST", body={"q": 1})
    assert "If-None-Match" not in door.requests[0].headers
    assert fetched.validators == NO_VALIDATORS
    assert (await failure(ask, answer(304, b""), SENT, method="POST")).reason == "protocol"


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        (URL, True),
        ("https://api.example:443/moved", True),
        ("https://API.example/moved", True),
        ("https://other.example/data", False),
        ("https://api.example:8443/data", False),
        ("http://api.example/data", False),
    ],
)
async def test_validators_of_another_origin_are_not_stored(ask, url, stored):
    fetched, _ = await ask(answer(url=url, ETag='"2"'))
    assert (fetched.validators.etag == '"2"') is stored


@pytest.mark.parametrize(
    ("status", "message", "reason"),
    [
        (500, "Data source returned 500", "status"),
        (503, "Data source returned 503", "status"),
        (999, "Data source returned 999", "status"),
        (404, "Data source returned 404: check the URL", "status"),
        (401, "Data source returned 401: check the credentials", "status"),
        (429, "Data source returned 429: it was asked too often", "status"),
        (302, "Data source returned 302", "status"),
        (202, "Data source returned 202: it has no data yet", "status"),
        (204, "Data source returned 204: there is no content", "content"),
        (205, "Data source returned 205: there is no content", "content"),
        (206, "Data source returned 206: a part of the data, which was not asked for", "protocol"),
        (226, "Data source returned 226", "status"),
        (99, "Data source returned 99", "status"),
    ],
)
async def test_bad_input_28_and_37_other_statuses_are_failures(ask, status, message, reason):
    failed = await failure(ask, answer(status))
    assert (str(failed), failed.reason, failed.retry_after) == (message, reason, None)


@pytest.mark.parametrize("status", [403, 429, 500, 503])
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("Sun, 06 Nov 1994 08:51:37 GMT", 120.0),
        ("315360000", 3600.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", None),
        ("1.5", None),
        ("soon", None),
    ],
)
async def test_bad_input_27_a_failure_says_how_long_to_wait(ask, status, text, seconds):
    assert (await failure(ask, answer(status, Retry_After=text))).retry_after == seconds


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"", "application/json", "content"),
        (b"<html>", "text/html", "content"),
        (b"\x89PNG", "image/png", "content"),
        (b'{"a": NaN}', "application/json", "json"),
    ],
)
async def test_bad_input_28_and_36_bad_bodies_are_failures(ask, body, kind, reason):
    failed = await failure(ask, answer(body=body, Content_Type=kind))
    assert failed.reason == reason


@pytest.mark.parametrize("reason", ["timeout", "egress_denied", "too_large", "truncated"])
async def test_what_the_door_says_is_passed_on(ask, reason):
    failed = await failure(ask, HttpFailed("why", reason=reason))
    assert (str(failed), failed.reason) == ("why", reason)


async def test_bad_input_17_an_absent_secret_is_a_failure_that_names_it(ask):
    failed = await failure(ask, answer(), headers={"X-Key": "${env:GONE}"})
    assert failed.reason == "secret"
    assert "${env:GONE} has no value" in str(failed)


async def test_large_documents_are_read_beside_the_loop(ask, monkeypatch):
    threads = []
    genuine = document.read_document

    def spy(body, kind):
        threads.append(threading.current_thread())
        return genuine(body, kind)

    monkeypatch.setattr("repaintd_http.source.read_document", spy)
    large = b'["' + b"x" * LARGE + b'"]'
    fetched, _ = await ask(answer(body=large))
    assert len(fetched.document[0]) == LARGE
    await ask(answer())
    assert threads[0] is not threading.main_thread()
    assert threads[1] is threading.main_thread()


async def test_a_large_document_that_is_none_is_a_failure_too(ask):
    assert (await failure(ask, answer(body=b"[" * (LARGE + 1)))).reason == "json"


async def test_many_at_once_keep_apart(ask):
    results = await asyncio.gather(*(ask(answer(body=b"%d" % n)) for n in range(100)))
    assert [fetched.document for fetched, _ in results] == list(range(100))
