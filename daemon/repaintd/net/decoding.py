"""Content codings, undone piece by piece with bounded memory (RFC 9110 section 8.4.1).

aiohttp can do this itself, but takes a body that ends in the middle of its gzip, br or zstd
stream for a whole one, and passes nested codings through undecoded.
"""

from __future__ import annotations

import sys
import zlib
from typing import Final, Protocol

import brotli  # type: ignore[import-untyped]  # it ships no types

if sys.version_info >= (3, 14):  # pragma: no cover - the other half on the other version
    from compression import zstd
else:  # pragma: no cover
    from backports import zstd

ACCEPTED: Final = "gzip, deflate, br, zstd"

# A server has no reason for more; each costs a decoder, and empty ones cost nothing to send.
MOST_MEMBERS: Final = 64
# RFC 9659: what a zstd content coding may ask a client to keep in memory (2**23 is 8 MiB).
_ZSTD_WINDOW_LOG: Final = 23
_ZLIB_METHOD: Final = 8


class CodingError(ValueError):
    """The body is not in the coding that its header names."""


class Decoder(Protocol):
    """Undoes one coding."""

    def decode(self, data: bytes, most: int) -> bytes:
        """Take *data*; give about *most* bytes at most.

        Raises:
            CodingError: the stream is not valid.
        """

    def pending(self) -> bool:
        """Whether `decode(b"", …)` would give more."""

    def complete(self) -> bool:
        """Whether the stream came to its end."""


def decoder_for(header: str) -> Decoder | None:
    """The decoder for a Content-Encoding header, None for a body that is not coded.

    Raises:
        CodingError: the coding is unknown, or there are several of them.
    """
    codings = [coding.strip().lower() for coding in header.split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if not codings:
        return None
    if len(codings) > 1:
        raise CodingError(f"several content codings at once ({len(codings)})")
    match codings[0]:
        case "gzip" | "x-gzip":
            return Gzip()
        case "deflate":
            return Deflate()
        case "br":
            return Brotli()
        case "zstd":
            return Zstandard()
        case other:
            raise CodingError(f"the content coding {other[:40]!r}, which was not asked for")


class Gzip:
    """RFC 1952, several members in a row included."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._members = 1
        self._rest = b""
        self._full = False

    def decode(self, data: bytes, most: int) -> bytes:
        """See Decoder."""
        data = self._rest + data
        if self._member.eof and data:
            self._members = _one_more(self._members)
            self._member = zlib.decompressobj(16 + zlib.MAX_WBITS)
        out, self._rest = _inflate(self._member, data, most)
        self._full = len(out) >= most
        return out

    def pending(self) -> bool:
        """See Decoder."""
        return bool(self._rest) or (self._full and not self._member.eof)

    def complete(self) -> bool:
        """See Decoder."""
        return self._member.eof and not self._rest


class Deflate:
    """RFC 1950, and the bare RFC 1951 that some servers send under the same name."""

    def __init__(self) -> None:
        self._stream: zlib._Decompress | None = None
        self._rest = b""
        self._full = False

    def decode(self, data: bytes, most: int) -> bytes:
        """See Decoder."""
        data = self._rest + data
        if self._stream is None:
            if not data:
                return b""
            wrapped = data[0] & 0xF == _ZLIB_METHOD
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
        if self._stream.eof and data:
            raise CodingError("bytes after the end of the deflate stream")
        out, self._rest = _inflate(self._stream, data, most)
        self._full = len(out) >= most
        return out

    def pending(self) -> bool:
        """See Decoder."""
        return bool(self._rest) or (self._full and not self.complete())

    def complete(self) -> bool:
        """See Decoder."""
        return self._stream is not None and self._stream.eof


def _inflate(stream: zlib._Decompress, data: bytes, most: int) -> tuple[bytes, bytes]:
    """What comes out, and what is left of *data*."""
    try:
        out = stream.decompress(data, most)
    except zlib.error as exc:
        raise CodingError("it is not valid") from exc
    return out, stream.unused_data if stream.eof else stream.unconsumed_tail


class Brotli:
    """RFC 7932, whose windows are 16 MiB at most."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._full = False

    def decode(self, data: bytes, most: int) -> bytes:
        """See Decoder."""
        try:
            out = bytes(self._stream.process(data, output_buffer_limit=most))
        except brotli.error as exc:
            raise CodingError("it is not valid") from exc
        # A full piece may have more behind it even when all input is taken.
        self._full = len(out) >= most or not self._stream.can_accept_more_data()
        return out

    def pending(self) -> bool:
        """See Decoder."""
        return self._full and not self._stream.is_finished()

    def complete(self) -> bool:
        """See Decoder."""
        return bool(self._stream.is_finished())


class Zstandard:
    """RFC 8878, several frames in a row included."""

    def __init__(self) -> None:
        self._frame = _zstd_frame()
        self._frames = 1
        self._rest = b""

    def decode(self, data: bytes, most: int) -> bytes:
        """See Decoder."""
        data = self._rest + data
        self._rest = b""
        if self._frame.eof:
            if not data:
                return b""
            self._frames = _one_more(self._frames)
            self._frame = _zstd_frame()
        try:
            out = self._frame.decompress(data, most)
        except zstd.ZstdError as exc:
            raise CodingError("it is not valid, or needs more memory than 8 MiB") from exc
        if self._frame.eof:
            self._rest = self._frame.unused_data
        return out

    def pending(self) -> bool:
        """See Decoder."""
        return bool(self._rest) or not (self._frame.eof or self._frame.needs_input)

    def complete(self) -> bool:
        """See Decoder."""
        return self._frame.eof and not self._rest


def _zstd_frame() -> zstd.ZstdDecompressor:
    return zstd.ZstdDecompressor(
        options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
    )


def _one_more(members: int) -> int:
    if members >= MOST_MEMBERS:
        raise CodingError(f"it has more than {MOST_MEMBERS} parts")
    return members + 1
