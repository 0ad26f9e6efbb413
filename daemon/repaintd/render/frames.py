"""What the daemon and its template workers say to each other: length (4 bytes), then the body.

A request is JSON. A reply is one letter and the rest: `R` ready, `H` finished markup, `E` an error
as JSON, `C` a check as JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import BinaryIO

HEADER: Final = 4
MAX_FRAME: Final = 32 * 1024 * 1024

MAIN: Final = "template.html"
"""What a template's own file is called; others of its folder go by their path."""

READY: Final = b"R"
MARKUP: Final = b"H"
ERROR: Final = b"E"
CHECKED: Final = b"C"


def framed(body: bytes) -> bytes:
    """The body with its length before it."""
    return len(body).to_bytes(HEADER, "big") + body


def length_of(header: bytes) -> int:
    """The length that a header announces.

    Raises:
        ValueError: more than MAX_FRAME.
    """
    length = int.from_bytes(header, "big")
    if length > MAX_FRAME:
        raise ValueError(f"a frame of {length:,} bytes")
    return length


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next body; None at the end, also in the middle of a frame."""
    header = stream.read(HEADER)
    if len(header) < HEADER:
        return None
    length = length_of(header)
    body = stream.read(length)
    return body if len(body) == length else None
