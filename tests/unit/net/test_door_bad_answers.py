from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from repaintd.errors import HttpFailed
from repaintd.plugin import HttpRequest

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
MEBIBYTE = 1024 * 1024


async def failure(door, server, **options):
    options = {"timeout": 20.0, **options}
    with pytest.raises(HttpFailed) as caught:
        await door.request(HttpRequest(url=server.url, **options))
    assert str(caught.value).startswith(server.url[:-1])
    return caught.value


def reset(writer):
    """Close with RST instead of FIN."""
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    writer.transport.abort()


class Pieces:
    """Sends pieces with pauses between, so that they mostly arrive one by one."""

    def __init__(self, *pieces, end):
        self.pieces = pieces
        self.end = end

    async def __call__(self, request, writer):
        for piece in self.pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
        self.end(writer)
        return b""


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("short", b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}"),
        ("short chunk", CHUNKED + b"5\r\n{}"),
        ("no last chunk", CHUNKED + b"2\r\n{}\r\n"),
    ],
)
async def test_bad_input_29_a_truncated_body_is_never_a_body(serve, door, name, answer):
    server = await serve(answer, close=True)
    assert (await failure(door, server)).reason == "truncated", name


@pytest.mark.parametrize(
    "head", [CHUNKED + b"2\r\n{}\r\n", b"HTTP/1.1 200 OK\r\n\r\n{}", b"HTTP/1.1 200 OK\r\n"]
)
async def test_bad_input_29_a_reset_body_is_never_a_body(serve, door, head):
    server = await serve(Pieces(head, end=reset))
    assert (await failure(door, server)).reason in ("truncated", "network")


async def test_bad_input_29_a_bad_chunk_ends_the_exchange_at_once(serve, door):
    at_once = await serve(CHUNKED + b"2\r\n{}\r\nZZ\r\n")
    assert (await failure(door, at_once)).reason == "protocol"
    later = await serve(Pieces(CHUNKED + b"2\r\n{}\r\n", b"ZZ\r\n", end=lambda writer: None))
    assert (await failure(door, later)).reason in ("truncated", "protocol")


@pytest.mark.parametrize("size", [1000, 1001, 200_000])
async def test_a_body_may_be_as_large_as_the_limit_and_no_larger(serve, door, response, size):
    limit = 1000 if size < 2000 else 199_999
    server = await serve(response(b"x" * size))
    chunked = await serve(CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"x" * size))
    for one in (server, chunked):
        if size <= limit:
            answer = await door.request(HttpRequest(url=one.url, max_bytes=limit))
            assert len(answer.body) == size
        else:
            assert (await failure(door, one, max_bytes=limit)).reason == "too_large"


async def test_an_announced_length_beyond_the_limit_is_not_read_at_all(serve, door):
    server = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    failed = await failure(door, server)
    assert failed.reason == "too_large"
    assert "larger than 5 MiB" in str(failed)


async def test_bad_input_30_an_endless_body_stops_at_the_cap(serve, door):
    async def endless(request, writer):
        writer.write(CHUNKED)
        while True:
            writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
            await writer.drain()

    server = await serve(endless)
    assert (await failure(door, server, max_bytes=100_000)).reason == "too_large"


async def dripping_body(request, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def dripping_headers(request, writer):
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X")
        await writer.drain()
        await asyncio.sleep(0.01)


async def silence(request, writer):
    await asyncio.Event().wait()


@pytest.mark.parametrize("answer", [dripping_body, dripping_headers, silence])
async def test_bad_input_31_the_time_limit_holds_for_everything(serve, door, answer):
    server = await serve(answer)
    failed = await failure(door, server, timeout=0.2)
    assert failed.reason == "timeout"
    assert "no whole answer within 0.2 s" in str(failed)


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("10,000 fields", b"".join(b"X-%d: y\r\n" % n for n in range(10_000))),
        ("a field of 100 KB", b"X: " + b"y" * 100_000 + b"\r\n"),
        ("a name of 100 KB", b"y" * 100_000 + b": X\r\n"),
    ],
)
async def test_bad_input_31_headers_are_bounded(serve, door, name, headers):
    server = await serve(b"HTTP/1.1 200 OK\r\n" + headers + b"Content-Length: 0\r\n\r\n")
    assert (await failure(door, server)).reason == "protocol", name


async def test_bad_input_31_trailers_are_bounded(serve, door):
    async def endless(request, writer):
        writer.write(CHUNKED + b"2\r\n{}\r\n0\r\n")
        while True:
            writer.write(b"X-Trailer: y\r\n" * 100)
            await writer.drain()

    server = await serve(endless)
    assert (await failure(door, server)).reason in ("protocol", "truncated")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("HTTP/0.9", b'{"a": 1}\n'),
        ("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x46"),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
        (
            "length and chunks",
            CHUNKED.replace(b"OK", b"OK\r\nContent-Length: 2") + b"2\r\n{}\r\n0\r\n\r\n",
        ),
        ("negative length", b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}"),
        ("huge length", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
        ("NUL in a field", b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"),
        ("101 unasked", b"HTTP/1.1 101 Sure\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        ("1xx flood", b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000),
        ("slow 1xx flood", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17),
    ],
)
async def test_bad_input_37_what_is_not_http_is_a_protocol_failure(serve, door, name, answer):
    server = await serve(answer)
    failed = await failure(door, server)
    assert failed.reason == "protocol", name
    assert "\n" not in str(failed)
    assert len(str(failed)) < 200


async def test_a_few_interim_responses_are_fine(serve, door, response):
    server = await serve(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 16 + response(b"{}"))
    for _ in range(2):
        assert (await door.request(HttpRequest(url=server.url))).body == b"{}"
    assert server.connections == 1


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nX: y\r\n"])
async def test_a_connection_closed_before_the_answer_is_a_network_failure(serve, door, answer):
    server = await serve(answer, close=True)
    assert (await failure(door, server)).reason == "network"


async def test_an_answer_to_no_question_is_not_taken_for_the_next_one(serve, door, response):
    stray = response(b'{"stray": true}')
    first_read, hung_up = asyncio.Event(), asyncio.Event()

    async def answer(request, writer):
        writer.write(response(b'{"n": %d}' % len(server.requests)))
        if len(server.requests) == 1:
            await first_read.wait()
            writer.write(stray)
            await server.reader.read()
            hung_up.set()
        return b""

    server = await serve(answer)
    first = await door.request(HttpRequest(url=server.url))
    first_read.set()
    await asyncio.wait_for(hung_up.wait(), 20)
    second = await door.request(HttpRequest(url=server.url))
    assert (first.body, second.body) == (b'{"n": 1}', b'{"n": 2}')


async def test_two_answers_to_one_question_end_the_connection(serve, door, response):
    server = await serve(response(b"{}") + response(b'{"stray": true}'))
    for _ in range(2):
        assert (await door.request(HttpRequest(url=server.url))).body == b"{}"
    assert server.connections == 2
