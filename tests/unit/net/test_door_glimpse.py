from __future__ import annotations

import asyncio
import gzip
import socket
import struct

import pytest

from repaintd.errors import HttpFailed
from repaintd.net import body
from repaintd.plugin import HttpRequest

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def glimpse(door, server, **options):
    options = {"max_bytes": 1000, "timeout": 20.0, "glimpse": True, **options}
    return await door.request(HttpRequest(url=server.url, **options))


async def endless(request, writer):
    writer.write(CHUNKED)
    while True:
        writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        await writer.drain()


async def reset(request, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(0.02)
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def bad_chunk(request, writer):
    writer.write(CHUNKED + b"2\r\n{}\r\n")
    await writer.drain()
    await asyncio.sleep(0.02)
    return b"ZZ\r\n"


BODIES = [
    ("larger", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000, b"x" * 1000),
    ("announced", b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n" + b"x" * 1000, None),
    ("endless", endless, b"x" * 1000),
    ("short", b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}", b""),
    ("bad chunk", bad_chunk, b""),
    ("reset", reset, b""),
    ("no gzip", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", b""),
    ("unknown", b"HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\nContent-Length: 2\r\n\r\n{}", b""),
]


@pytest.mark.parametrize(("name", "answer", "seen"), BODIES, ids=[each[0] for each in BODIES])
async def test_with_a_glimpse_the_status_counts_whatever_the_body_is(
    serve, door, name, answer, seen
):
    server = await serve(answer, close=name == "short")
    answered = await glimpse(door, server)
    assert answered.status == 200
    assert answered.body == (b"x" * 1000 if seen is None else seen)


async def test_a_glimpse_takes_any_status_alike(serve, door, response):
    for status in ("202 Accepted", "404 Not Found", "503 Service Unavailable"):
        server = await serve(response(b"x" * 3000, status=status))
        answered = await glimpse(door, server)
        assert (answered.status, answered.body) == (int(status[:3]), b"x" * 1000)


async def test_a_bomb_is_not_unfolded(serve, door, response):
    server = await serve(response(gzip.compress(b"\0" * 10_000_000), "Content-Encoding: gzip"))
    assert (await glimpse(door, server)).body == b""


async def test_the_connection_is_kept_after_a_small_body_and_closed_after_a_large_one(
    serve, door, response
):
    server = await serve(response(b"ok"))
    for _ in range(3):
        assert (await glimpse(door, server)).body == b"ok"
    assert server.connections == 1
    server.answer = response(b"x" * 300_000)
    for _ in range(2):
        assert len((await glimpse(door, server)).body) == 1000
    assert server.connections == 2


async def test_a_body_that_never_comes_is_not_waited_for(serve, door, monkeypatch):
    monkeypatch.setattr(body, "_PATIENCE", 0.02)
    server = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    answered = await glimpse(door, server, timeout=60.0)
    assert (answered.status, answered.body) == (200, b"")


async def test_whoever_waits_for_a_glimpse_can_be_cancelled(serve, door):
    begun = asyncio.Event()

    async def stall(request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        begun.set()
        await asyncio.sleep(60)

    server = await serve(stall)
    waiting = asyncio.create_task(glimpse(door, server))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"",
    ],
)
async def test_without_a_status_there_is_no_glimpse(serve, door, answer):
    server = await serve(answer, close=True)
    with pytest.raises(HttpFailed) as caught:
        await glimpse(door, server)
    assert caught.value.reason in ("protocol", "network")


async def test_a_post_goes_out_byte_for_byte(serve, door, response):
    server = await serve(response(b""))
    for sent in (b'{"a": "\xc3\xa4"}\r\n\0\xff', b"", b"x" * 300_000):
        await door.request(HttpRequest(url=server.url, method="POST", body=sent))
        head, _, received = server.requests[-1].partition(b"\r\n\r\n")
        assert received == sent
        assert b"Content-Length: %d\r\n" % len(sent) in head + b"\r\n"
        assert b"Transfer-Encoding" not in head


async def test_idle_connections_are_dropped_when_the_door_says_so(serve, open_with, response):
    server = await serve(response(b"ok"))
    door = await open_with(["127.0.0.1"], keep_alive=0.001)
    for _ in range(2):
        await glimpse(door, server)
        await asyncio.sleep(0.02)
    assert server.connections == 2
