from __future__ import annotations

import asyncio
import functools
import gzip
import tracemalloc
import zlib

import brotli
import pytest

from repaintd.errors import HttpFailed
from repaintd.net.decoding import zstd
from repaintd.plugin import HttpRequest

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CODERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": functools.partial(brotli.compress, quality=1),
    "zstd": zstd.compress,
}
MEBIBYTE = 1024 * 1024


async def failure(door, server, **options):
    options = {"timeout": 20.0, **options}
    with pytest.raises(HttpFailed) as caught:
        await door.request(HttpRequest(url=server.url, **options))
    assert str(caught.value).startswith(server.url[:-1])
    return caught.value


@pytest.mark.parametrize("coding", CODERS)
async def test_bad_input_29_a_stream_cut_inside_its_coding_is_truncated(
    serve, door, response, coding
):
    coded = CODERS[coding](b'{"a": 1}' * 1000)
    server = await serve(response(coded[:-6], f"Content-Encoding: {coding}"))
    assert (await failure(door, server)).reason == "truncated"


@pytest.mark.parametrize("coding", CODERS)
async def test_all_codings_that_are_asked_for_are_undone(serve, door, response, coding):
    text = b'{"a": "' + b"x" * 500_000 + b'"}'
    server = await serve(response(CODERS[coding](text), f"Content-Encoding: {coding}"))
    answer = await door.request(HttpRequest(url=server.url))
    assert answer.body == text


async def test_an_empty_coded_body_is_empty(serve, door, response):
    server = await serve(response(b"", "Content-Encoding: gzip"))
    assert (await door.request(HttpRequest(url=server.url))).body == b""
    chunked = await serve(
        CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: br\r\n\r\n0\r\n\r\n")
    )
    assert (await door.request(HttpRequest(url=chunked.url))).body == b""


@pytest.mark.parametrize("coding", CODERS)
async def test_bad_input_30_a_bomb_stops_at_the_cap(serve, door, response, coding):
    bomb = CODERS[coding](bytes(64 * MEBIBYTE))
    server = await serve(response(bomb, f"Content-Encoding: {coding}"))
    failed = await failure(door, server, max_bytes=MEBIBYTE)
    assert failed.reason == "too_large"
    assert "larger than 1 MiB" in str(failed)


async def test_bad_input_30_many_bombs_at_once_need_little_more_than_one(
    serve, open_with, response
):
    bomb = zstd.compress(bytes(64 * MEBIBYTE))
    server = await serve(response(bomb, "Content-Encoding: zstd"))
    door = await open_with(["127.0.0.1"], per_host=40, limit=40)
    request = HttpRequest(url=server.url, timeout=60.0, max_bytes=5 * MEBIBYTE)
    tracemalloc.start()
    try:
        results = await asyncio.gather(
            *(door.request(request) for _ in range(40)), return_exceptions=True
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert {result.reason for result in results} == {"too_large"}
    assert peak < 60 * MEBIBYTE  # 200 MiB and more, if each took its turn at any time


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0)),
        ("br, gzip", gzip.compress(brotli.compress(b"{}"), mtime=0)),
        ("gzip", b'{"plain": 1}'),
        ("br", b'{"plain": "json"}' * 10),
        ("zstd", b"{}"),
        ("deflate", b"x" * 50),
        ("compress", b"{}"),
    ],
)
async def test_bad_input_30_nested_unknown_and_wrong_codings_are_told(
    serve, door, response, header, body
):
    server = await serve(response(body, f"Content-Encoding: {header}"))
    assert (await failure(door, server)).reason == "encoding"


async def test_two_coding_fields_are_nested_codings(serve, door, response):
    body = gzip.compress(brotli.compress(b"{}"))
    server = await serve(response(body, "Content-Encoding: br", "Content-Encoding: gzip"))
    assert (await failure(door, server)).reason == "encoding"


async def test_bad_input_30_endless_empty_blocks_stop_at_the_cap(serve, door):
    """A coded body that decodes to nothing, for ever."""
    empty_block = b"\x00\x00\x00\xff\xff" * 1000

    async def endless(request, writer):
        writer.write(CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: deflate\r\n\r\n"))
        writer.write(b"2\r\n\x78\x9c\r\n")
        while True:
            writer.write(b"%x\r\n%s\r\n" % (len(empty_block), empty_block))
            await writer.drain()

    server = await serve(endless)
    assert (await failure(door, server, max_bytes=100_000)).reason == "too_large"
