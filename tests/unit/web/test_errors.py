from __future__ import annotations

import asyncio
import io

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from repaintd.web import Problem
from repaintd.web.problem import from_status

PROBLEM = "application/problem+json"


async def test_every_error_is_the_documented_superset(client):
    async with client.get("/nowhere") as response:
        document = await response.json(content_type=PROBLEM)

    request_id = document.pop("requestId")
    assert len(request_id) == 16
    assert document == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Nothing matches the given URI.",
        "instance": "/nowhere",
        "message": "Nothing matches the given URI.",
        "error": "Nothing matches the given URI.",
        "code": "not_found",
    }
    assert response.headers["Cache-Control"] == "no-store"


def test_a_documented_kind_has_its_documented_type():
    document = Problem(404, "binding-not-found", "None.").document("/b/x.png")

    assert document["type"] == "https://docs.pictify.io/errors/binding-not-found"
    assert document["title"] == "Binding Not Found"


def test_when_to_come_back_is_in_the_body_too():
    document = from_status(503, {"Retry-After": "7"}).document("/")

    assert 7 == document["retryAfter"] == document["retry_after"]


@pytest.mark.parametrize("path", ["/b/card.png", "/b/c%61rd.png", "/metrics", "/status.json"])
async def test_bad_input_48_another_method_is_a_405(house, client, path):
    house.add("card")

    async with client.post(path) as response:
        document = await response.json(content_type=PROBLEM)

    assert response.status == 405
    assert document["code"] == "method_not_allowed"
    assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize(
    "path", ["//b/card.png", "/b/%2e%2e/card.png", "/b/card.png/", "/B/card.png"]
)
async def test_bad_input_48_a_path_that_is_not_ours_is_a_404_and_never_a_redirect(
    house, client, path
):
    house.add("card")

    answer = await house.say(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )

    assert answer.startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1", b"414"),
        (b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 9000, b"431"),
        (b"GET / HTTP/1.1" + b"\r\nX: y" * 200, b"400"),
    ],
    ids=["url", "header", "many headers"],
)
async def test_bad_input_48_too_long_is_refused_and_the_connection_closed(
    house, client, request_line, status
):
    answer = await house.say(request_line + b"\r\nHost: x\r\n\r\n")

    assert status == answer.split(b" ")[1]
    assert PROBLEM.encode() in answer


SMUGGLING = {
    "length and chunked": b"Host: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
    "folded header": b"Host: x\r\nX-A: a\r\n b\r\n\r\n",
    "space before colon": b"Host: x\r\nX-A : a\r\n\r\n",
    "two lengths": b"Host: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
    "two hosts": b"Host: x\r\nHost: y\r\n\r\n",
    "no host": b"\r\n",
    "a path as host": b"Host: a/b?\r\n\r\n",
    "userinfo as host": b"Host: a@b\r\n\r\n",
    "space in host": b"Host: a b\r\n\r\n",
}


@pytest.mark.parametrize("rest", SMUGGLING.values(), ids=SMUGGLING)
async def test_bad_input_46_what_could_smuggle_is_a_400_and_the_connection_is_closed(
    house, client, rest
):
    house.add("card")

    answer = await house.say(b"GET /b/card.png HTTP/1.1\r\n" + rest)

    assert answer.split(b" ")[1] == b"400"
    assert PROBLEM.encode() in answer


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"\0" * 100 + b"\r\n\r\n",
    ],
    ids=["bare line feeds", "TLS", "zeros"],
)
async def test_bad_input_46_what_is_not_http_is_refused(house, client, data):
    with capture_logs() as logs:
        answer = await house.say(data)

    assert answer.split(b" ")[1] == b"400"
    assert [entry["log_level"] for entry in logs] == ["debug"]


async def test_a_bug_is_a_500_that_tells_strangers_nothing(house, client):
    house.add("card")
    house.images.fault = ValueError("token s3cret at /etc/secret")

    for path in ("/b/card.png", "/b/c%61rd.png"):
        with capture_logs() as logs:
            async with client.get(path) as response:
                document = await response.json(content_type=PROBLEM)

        assert response.status == 500
        assert "s3cret" not in str(document)
        (entry,) = logs
        assert entry["event"] == "request failed"
        assert entry["route"] == "/b/{filename}"
        assert document["requestId"] == entry["request_id"]
        assert house.images.fault is entry["exc_info"]


async def test_a_body_over_one_mebibyte_is_a_413(house):
    async def swallow(request):
        await request.read()

    async with (
        house.client(lambda app: app.router.add_post("/in", swallow)) as client,
        client.post("/in", data=io.BytesIO(b"x" * (1024 * 1024 + 1))) as response,
    ):
        document = await response.json(content_type=PROBLEM)

    assert response.status == 413
    assert document["status"] == 413


async def test_a_redirect_is_not_an_error(house):
    async def elsewhere(_request):
        raise web.HTTPFound("/")

    async with (
        house.client(lambda app: app.router.add_get("/go", elsewhere)) as client,
        client.get("/go", allow_redirects=False) as response,
    ):
        assert response.status == 302


async def test_an_error_in_the_middle_of_an_answer_ends_the_connection(house):
    async def half(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        raise ValueError("bug")

    with capture_logs() as logs:
        async with house.open(lambda app: app.router.add_get("/half", half)):
            answer = await house.say(b"GET /half HTTP/1.1\r\nHost: x\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"half" in answer
    assert not answer.endswith(b"0\r\n\r\n")
    assert [entry["event"] for entry in logs] == ["request failed"]


async def test_a_client_that_leaves_is_no_bug(house):
    came, left = asyncio.Event(), asyncio.Event()

    async def listen(request):
        came.set()
        try:
            await request.read()
        finally:
            left.set()

    with capture_logs() as logs:
        async with house.open(lambda app: app.router.add_post("/in", listen)):
            _, writer = await house.connect()
            writer.write(b"POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
            async with asyncio.timeout(5):
                await came.wait()
                writer.transport.abort()
                await left.wait()

    assert logs == []
