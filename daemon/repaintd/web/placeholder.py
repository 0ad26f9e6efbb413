"""The picture that stands in while there is none: drawn here, from nothing."""

from __future__ import annotations

import struct
import zlib
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

WIDTH: Final = 600
HEIGHT: Final = 315
MEDIA_TYPE: Final = "image/png"

_PALETTE: Final = bytes.fromhex("f3f4f6d1d5db9ca3af")  # ground, frame, dots
_GROUND, _FRAME, _DOT = range(3)
_FRAME_WIDTH: Final = 6
_DOTS: Final = (WIDTH // 2 - 60, WIDTH // 2, WIDTH // 2 + 60)
_RADIUS: Final = 14
_GREYSCALE_ALPHA, _INDEXED = 4, 3  # colour types of PNG


@cache
def placeholder(kind: Literal["image", "pixel"]) -> bytes:
    """A PNG: a framed ground with three dots, or one transparent pixel."""
    if kind == "pixel":
        return _png(1, 1, _GREYSCALE_ALPHA, [bytes(2)])
    return _png(WIDTH, HEIGHT, _INDEXED, (_row(y) for y in range(HEIGHT)), _PALETTE)


def _row(y: int) -> bytes:
    if not _FRAME_WIDTH <= y < HEIGHT - _FRAME_WIDTH:
        return bytes([_FRAME]) * WIDTH
    row = bytearray([_GROUND]) * WIDTH
    row[:_FRAME_WIDTH] = row[-_FRAME_WIDTH:] = bytes([_FRAME]) * _FRAME_WIDTH
    height = abs(y - HEIGHT // 2)
    if height <= _RADIUS:
        half = round((_RADIUS**2 - height**2) ** 0.5)
        for centre in _DOTS:
            row[centre - half : centre + half + 1] = bytes([_DOT]) * (2 * half + 1)
    return bytes(row)


def _png(
    width: int, height: int, colour_type: int, rows: Iterable[bytes], palette: bytes = b""
) -> bytes:
    """The file, eight bits a sample (PNG specification, third edition, sections 5 and 11)."""
    pixels = b"".join(b"\0" + row for row in rows)  # every row with filter type 0, none
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)),
            _chunk(b"PLTE", palette) if palette else b"",
            _chunk(b"IDAT", zlib.compress(pixels, 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
