"""Bodies and paths of triggers, and how far they get: T2 of the threats, and their bad inputs."""

from __future__ import annotations

import asyncio
import gzip
import hmac
import zlib

import orjson
import pytest
from structlog.testing import capture_logs

from repaintd.config.sources import WebhookSpec
from repaintd.core.binding import SourceConfig
from repaintd.core.inbound import InboundWebhook
from repaintd.web.body_room import BodyRoom
from repaintd.web.webhooks import WEBHOOKS

PROBLEM = "application/problem+json"
BODY = b'{"event":"data.updated","payload":{"stars":7}}'
SIGNED = InboundWebhook(secrets=("one",))
MEBIBYTE = 1024 * 1024


@pytest.fixture
def impatient(monkeypatch):
    """Unwanted bodies are not swallowed for long."""
    monkeypatch.setattr("repaintd.web.listener._LINGER", 0.1)


def mac(body=BODY):
    return hmac.new(b"topsecret", body, "sha256").hexdigest()


def signed(body=BODY, **headers):
    return {"X-Hub-Signature-256": f"sha256={mac(body)}", **headers}


def pushed():
    return SourceConfig(type="webhook", spec=WebhookSpec(), fingerprint="f")


def hook(house, uid="card", webhook=SIGNED, **changes):
    return house.add(uid, webhook=webhook, **changes)


async def send(client, body=BODY, headers=None, path="/webhooks/card"):
    headers = signed(body) if headers is None else headers
    async with client.post(path, data=body, headers=headers) as response:
        return response.status, orjson.loads(await response.read()), response.headers


def head(*lines, path="/webhooks/card"):
    return "\r\n".join((f"POST {path} HTTP/1.1", "Host: x", *lines, "", "")).encode()


async def test_bad_input_45_a_body_that_says_it_is_too_large_is_refused_unread(
    impatient, house, client
):
    hook(house)

    for uid in ("card", "c%61rd", "nobody"):
        path = f"/webhooks/{uid}"
        answer = await house.say(head(f"Content-Length: {3 * MEBIBYTE + 1}", path=path))
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert PROBLEM.encode() in answer


async def test_bad_input_45_who_asks_first_whether_a_body_is_welcome_is_told(
    impatient, house, client
):
    hook(house)
    size, large = f"Content-Length: {len(BODY)}", f"Content-Length: {MEBIBYTE + 1}"
    sign = f"X-Hub-Signature-256: sha256={mac()}"

    refused = await house.say(head(large, "Expect: 100-continue"))
    strange = await house.say(head(size, "Expect: magic", "Connection: close"))
    old = head(size, sign, "Expect: 100-continue").replace(b"HTTP/1.1", b"HTTP/1.0")
    answered = await house.say(old + BODY)
    reader, writer = await house.connect()
    writer.write(head(size, sign, "Expect: 100-continue", "Connection: close"))
    async with asyncio.timeout(10):
        invitation = await reader.readuntil(b"\r\n\r\n")
        writer.write(BODY)
        answer = await reader.read()
    writer.close()

    assert refused.startswith(b"HTTP/1.1 413 ")
    assert strange.startswith(b"HTTP/1.1 417 ")
    assert answered.startswith(b"HTTP/1.0 202 ")
    assert invitation == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 202 ")


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
async def test_bad_input_45_a_body_without_length_is_counted_as_it_comes(
    impatient, house, client, content_type
):
    hook(house, source=pushed())

    async def pour():
        for _ in range(48):
            yield b"a" * 64 * 1024

    headers = {"Content-Type": content_type}
    async with client.post("/webhooks/card", data=pour(), headers=headers) as response:
        assert response.status == 413
        assert (await response.json(content_type=PROBLEM))["code"] == "content_too_large"


async def test_a_body_of_just_one_mebibyte_is_taken_in_either_framing(house, client):
    hook(house)
    body = b" " * MEBIBYTE

    async def pour():
        for start in range(0, MEBIBYTE, 100_000):
            yield body[start : start + 100_000]

    assert (await send(client, body))[0] == 202
    async with client.post("/webhooks/card", data=pour(), headers=signed(body)) as response:
        assert response.status == 202


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (["Transfer-Encoding: chunked"], b"zz\r\n" + BODY),
        (["Transfer-Encoding: chunked"], b"5\r\nabcdefgh\r\n0\r\n\r\n"),
        (["Content-Length: -1"], BODY),
        (["Content-Length: 1e3"], BODY),
        ([f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked"], BODY),
    ],
    ids=["bad size", "bad chunk", "negative", "no number", "both"],
)
async def test_bad_input_45_46_framing_that_breaks_is_a_400_and_the_connection_is_closed(
    house, client, lines, body
):
    hook(house)

    with capture_logs() as logs:
        answer = await house.say(head(*lines) + body)

    assert answer.split(b" ")[1] == b"400"
    assert {entry["log_level"] for entry in logs} <= {"debug"}
    assert house.intake.taken == []


async def test_bad_input_45_what_comes_behind_the_length_is_no_part_of_the_body(house, client):
    hook(house)

    answer = await house.say(head("Content-Length: 5", *_lines(signed())) + BODY)

    assert b" 400 " in answer
    assert house.intake.taken == []


def _lines(headers):
    return [f"{name}: {value}" for name, value in headers.items()]


@pytest.mark.parametrize("coding", ["gzip", "br", "zip", "gzip, gzip"])
async def test_bad_input_45_a_coded_body_is_a_415_before_anything_is_decoded(house, client, coding):
    hook(house)
    body = gzip.compress(bytes(MEBIBYTE))

    for path in ("/webhooks/card", "/webhooks/nobody"):
        headers = signed(body, **{"Content-Encoding": coding})
        status, document, _ = await send(client, body, headers, path)
        assert (status, document["code"]) == (415, "unsupported_media_type")


COMPRESSED = InboundWebhook(secrets=("one",), compressed=True)


@pytest.mark.parametrize(
    ("coding", "encode"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)],
)
async def test_a_coded_body_is_taken_where_the_binding_says_so_and_signed_as_sent(
    house, client, coding, encode
):
    hook(house, webhook=COMPRESSED, source=pushed())
    body = encode(BODY)

    status, _, _ = await send(client, body, signed(body, **{"Content-Encoding": coding}))
    of_plain, _, _ = await send(client, body, signed(b"x", **{"Content-Encoding": coding}))

    assert (status, of_plain) == (202, 401)
    ((_, _, push),) = house.intake.taken
    assert orjson.loads(push.payload) == {"stars": 7}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (gzip.compress(bytes(64 * MEBIBYTE)), 413),
        (gzip.compress(BODY)[:-9], 400),
        (b"no gzip", 400),
    ],
    ids=["bomb", "cut", "none"],
)
async def test_bad_input_45_a_coded_body_that_unfolds_badly_is_refused(house, client, body, status):
    hook(house, webhook=COMPRESSED, source=pushed())

    found, _, _ = await send(client, body, signed(body, **{"Content-Encoding": "gzip"}))

    assert found == status
    assert house.intake.taken == []


@pytest.mark.parametrize("rest", ["Host: a/b?", "X: a\r\n b"], ids=["host", "folded"])
async def test_bad_input_46_what_could_smuggle_a_trigger_is_a_400(house, client, rest):
    hook(house)

    answer = await house.say(
        f"POST /webhooks/card HTTP/1.1\r\n{rest}\r\nContent-Length: 0\r\n\r\n".encode()
    )

    assert answer.split(b" ")[1] == b"400"  # and `say` reads to the end of the connection


@pytest.mark.parametrize("body", [b"{", b"\xff", b"NaN", b"[" * 100_000, b"1e999"])
async def test_bad_input_47_garbage_that_is_signed_is_a_400_that_says_why(house, client, body):
    hook(house, source=pushed())

    status, document, _ = await send(client, body)

    assert (status, document["code"]) == (400, "bad_request")
    assert document["detail"]
    assert house.intake.taken == []


@pytest.mark.parametrize("body", [b"null", b"7", b"[]", b'{"event":"what.is.this"}', b'"x"'])
async def test_bad_input_47_any_json_and_any_event_is_taken(house, client, body):
    hook(house, source=pushed())

    assert (await send(client, body, signed(body, **{"X-GitHub-Event": "unknown"})))[0] == 202


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH"])
async def test_bad_input_48_only_post_is_taken(house, client, method):
    hook(house)

    for path in ("/webhooks/card", "/v1/webhooks/card"):
        async with client.request(method, path, headers=signed(b"")) as response:
            assert response.status == 405
            assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "path",
    [
        "//webhooks/card",
        "/webhooks//card",
        "/webhooks/%2e%2e",
        "/webhooks/../webhooks/card",
        "/webhooks/%2e%2e/webhooks/card",
        "/webhooks/card/",
        "/webhooks/",
        "/webhooks/CARD",
        "/webhooks/card%00",
        "/v2/webhooks/card",
        "/webhooks/" + "a" * 65,
    ],
)
async def test_bad_input_48_a_path_that_is_none_is_a_404(house, client, path):
    hook(house)

    answer = await house.say(head("Content-Length: 0", "Connection: close", path=path))

    assert answer.startswith(b"HTTP/1.1 404 ")


async def test_bad_input_48_a_url_that_is_too_long_is_a_414(house, client):
    answer = await house.say(head("Content-Length: 0", path="/webhooks/card?" + "a" * 9000))

    assert answer.split(b" ")[1] == b"414"


async def test_a_sender_that_leaves_in_the_middle_of_a_body_is_no_bug(house, client):
    hook(house)

    with capture_logs() as logs:
        _, writer = await house.connect()
        writer.write(head("Content-Length: 100") + b"half")
        await writer.drain()
        writer.transport.abort()
        async with asyncio.timeout(10):
            while house.listener.connections:
                await asyncio.sleep(0.01)

    assert logs == []
    assert house.intake.taken == []


async def test_large_bodies_share_a_room_and_small_ones_need_none(impatient, house, client):
    hook(house)
    room = house.app[WEBHOOKS]._room = BodyRoom(100_000)
    reader, writer = await house.connect()
    writer.write(head("Content-Length: 90000") + b"x" * 80_000)
    async with asyncio.timeout(10):
        while room.held < 80_000:
            await asyncio.sleep(0.01)
    large = b"x" * 40_000

    refused, document, headers = await send(client, large)
    small, _, _ = await send(client, b"x" * 10_000)
    writer.write(b"x" * 10_000)
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    taken, _, _ = await send(client, large)

    assert (refused, headers["Retry-After"], document["retryAfter"]) == (503, "1", 1)
    assert (small, taken) == (202, 202)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert room.held == 0
