"""Reads a response's body: whole, within its limit, or not at all."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import aiohttp

from repaintd.errors import HttpFailed
from repaintd.net.decoding import CodingError, Decoder, decoder_for

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE: Final = 256 * 1024
# Coded bytes may outnumber decoded ones by a header and a little; more than that is an attack.
_CODING_OVERHEAD: Final = 64 * 1024
_MEBIBYTE: Final = 1024 * 1024
# Seconds for a body that is read only so that its connection can be used again.
_PATIENCE: Final = 1.0


async def read_body(
    response: aiohttp.ClientResponse, most: int, origin: str, turn: asyncio.Lock
) -> bytes:
    """All of it, decoded.

    Args:
        response: its head is read, its body is not.
        most: bytes after decoding.
        origin: for messages.
        turn: held while a body unfolds to more than a piece, so that many bombs at once need
            the memory of one.

    Raises:
        HttpFailed: `too_large`, `encoding` or `truncated`.
        aiohttp.ClientError, TimeoutError: the connection failed underneath.
    """
    if response.content.at_eof():
        return b""
    codings = response.headers.getall("Content-Encoding", ())
    try:
        decoder = decoder_for(",".join(codings)) if codings else None
    except CodingError as exc:
        raise HttpFailed(f"{origin} answered with {exc}", reason="encoding") from exc
    wire_most = most + _CODING_OVERHEAD if decoder else most
    if (response.content_length or 0) > wire_most:
        raise _too_large(origin, most)
    if decoder is None:
        return await _plain(response, most, origin)
    return await _decoded(response, decoder, most, origin, turn)


async def read_glimpse(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The beginning of a body that nothing depends on, as it came; b"" if it is coded."""
    if response.headers.get("Content-Encoding"):
        return b""
    body = bytearray()
    while len(body) < most and (piece := await response.content.read(most - len(body))):
        body += piece
    return bytes(body)


async def skim(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Like read_glimpse, for when the status says it all: a body that breaks or tarries is b""."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await read_glimpse(response, most)
    except (aiohttp.ClientError, OSError):
        return b""


async def _plain(response: aiohttp.ClientResponse, most: int, origin: str) -> bytes:
    read = response.content.readany
    first = await read()
    if len(first) > most:
        raise _too_large(origin, most)
    piece = await read()
    if not piece:
        return first
    with _buffer(first) as body:
        while piece:
            body.extend(piece)
            if len(body) > most:
                raise _too_large(origin, most)
            piece = await read()
        return bytes(body)


async def _decoded(
    response: aiohttp.ClientResponse, decoder: Decoder, most: int, origin: str, turn: asyncio.Lock
) -> bytes:
    wire_size = 0
    with _buffer() as body:
        while coded := await response.content.readany():
            wire_size += len(coded)
            body.extend(_decode(decoder, coded, origin))
            if decoder.pending():
                async with turn:
                    await _unfold(decoder, body, most, origin)
            if len(body) > most or wire_size > most + _CODING_OVERHEAD:
                raise _too_large(origin, most)
        if wire_size and not decoder.complete():
            raise HttpFailed(f"{origin}: the compressed body ends too early", reason="truncated")
        return bytes(body)


@contextmanager
def _buffer(start: bytes = b"") -> Iterator[bytearray]:
    """One buffer, not a list of pieces, for a hostile body comes byte by byte.

    It is emptied at the end: an exception's traceback would keep it for as long as somebody keeps
    the exception.
    """
    body = bytearray(start)
    try:
        yield body
    finally:
        body.clear()


async def _unfold(decoder: Decoder, body: bytearray, most: int, origin: str) -> None:
    """Take what the decoder still holds; the loop gets a turn between two pieces."""
    while decoder.pending() and len(body) <= most:
        await asyncio.sleep(0)
        body.extend(_decode(decoder, b"", origin))


def _decode(decoder: Decoder, coded: bytes, origin: str) -> bytes:
    try:
        return decoder.decode(coded, _PIECE)
    except CodingError as exc:
        raise HttpFailed(
            f"{origin}: the body does not decode as its Content-Encoding says: {exc}",
            reason="encoding",
        ) from exc


def _too_large(origin: str, most: int) -> HttpFailed:
    shown = f"{most / _MEBIBYTE:g} MiB" if most >= _MEBIBYTE else f"{most:,} bytes"
    return HttpFailed(f"{origin}: the body is larger than {shown}", reason="too_large")
