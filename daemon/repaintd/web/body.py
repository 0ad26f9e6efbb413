"""The body of a request: raw, whole, and within its limit, or refused before it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import HttpVersion11, hdrs, web

from repaintd.net.decoding import CodingError, Decoder, decoder_for
from repaintd.web.problem import Problem, from_status

if TYPE_CHECKING:
    from repaintd.web.body_room import BodyShare

MOST: Final = 1024 * 1024
TOO_LARGE: Final = "too_large"
MALFORMED: Final = "malformed"
_PIECE: Final = 64 * 1024


def check_length(request: web.BaseRequest) -> None:
    """Refuse a body that says itself that it is too large, before a byte of it is read.

    Raises:
        Problem: 413.
    """
    if (request.content_length or 0) > MOST:
        raise _too_large()


async def read_body(request: web.BaseRequest, share: BodyShare) -> bytes:
    """The body as it was sent; what comes without a length is counted while it comes.

    Raises:
        Problem: 413, 400 where the framing breaks, or 503 where there is no room for it.
        ConnectionError: the sender has gone.
    """
    content = request.content
    try:
        body = await content.readany()
        share.hold(len(body))
        if content.at_eof() and len(body) <= MOST:
            return body
        buffer = bytearray(body)
        while len(buffer) <= MOST and (piece := await content.readany()):
            buffer += piece
            share.hold(len(buffer))
    except web.RequestPayloadError:
        detail = "The body's framing is broken."
        raise Problem(400, "bad-request", detail, close=True, reason=MALFORMED) from None
    if len(buffer) > MOST:
        raise _too_large()
    return bytes(buffer)


def undecoded(request: web.BaseRequest) -> Decoder | None:
    """What undoes the body's Content-Encoding; None where it has none.

    Raises:
        Problem: 415 for a coding that is unknown, or several.
    """
    codings = request.headers.getall(hdrs.CONTENT_ENCODING, ())
    try:
        return decoder_for(",".join(codings)) if codings else None
    except CodingError as exc:
        raise unsupported(f"The body has {exc}.") from None


def unsupported(detail: str) -> Problem:
    """415: the body's Content-Encoding is not taken."""
    accepted: dict[str, str] = {hdrs.ACCEPT_ENCODING: "identity"}
    return Problem(
        415, "unsupported-media-type", detail, headers=accepted, close=True, reason="encoding"
    )


def decoded(body: bytes, decoder: Decoder) -> bytes:
    """The body without its coding, within the same limit.

    Raises:
        Problem: 413, or 400 where it is not what its Content-Encoding says.
    """
    out = bytearray()
    try:
        out += decoder.decode(body, _PIECE)
        while decoder.pending() and len(out) <= MOST:
            out += decoder.decode(b"", _PIECE)
    except CodingError as exc:
        raise _undecodable(str(exc)) from None
    if len(out) > MOST:
        raise _too_large()
    if body and not decoder.complete():
        raise _undecodable("it ends too early")
    return bytes(out)


async def invite(request: web.Request) -> web.StreamResponse | None:
    """Answer `Expect: 100-continue`, but to a body that is too large with what it will come to."""
    try:
        check_length(request)
    except Problem as problem:
        return problem.response(request.path)
    if request.version < HttpVersion11:
        return None
    if request.headers.get(hdrs.EXPECT, "").lower() != "100-continue":
        return from_status(417).response(request.path)
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # the answer itself has not begun
    return None


def _too_large() -> Problem:
    detail = f"The body is larger than {MOST // 1024 // 1024} MiB."
    return Problem(413, "content-too-large", detail, close=True, reason=TOO_LARGE)


def _undecodable(why: str) -> Problem:
    detail = f"The body does not decode as its Content-Encoding says: {why}."
    return Problem(400, "bad-request", detail, reason=MALFORMED)
