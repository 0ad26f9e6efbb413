"""Two pictures, side by side for people: what differs, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pyvips

from repaintd.errors import RenderFailed

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_OPAQUE: Final = 3
_MOST: Final = 255
_STRONG: Final = (214, 0, 110)
"""Stands out on what is grey, for people who see red or green badly too."""
_DIMMED: Final = 0.25
_TINTED: Final = 0.5
"""How far what differs follows the picture's lights and shades, so that it can be made out."""
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs.

    Attributes:
        share: of the pixels, 0 to 1; those that only one of the pictures has differ.
        picture: the later picture grey and pale, with all that differs in tints of one strong
            colour, as PNG; empty where nothing differs.
    """

    share: float
    picture: bytes = field(repr=False, default=b"")

    @property
    def identical(self) -> bool:
        """Whether not one pixel differs."""
        return not self.picture


def as_png(body: bytes) -> bytes:
    """A picture of any format that a browser draws as PNG, its pixels unchanged; blocks.

    Raises:
        RenderFailed: it cannot be read.
    """
    if body.startswith(_SIGNATURE):
        return body
    return _guarded(lambda: bytes(_read(body).pngsave_buffer(compression=6, keep="none")))


def size_of(body: bytes) -> tuple[int, int]:
    """Width and height in pixels.

    Raises:
        RenderFailed: it cannot be read.
    """
    image = _guarded(lambda: pyvips.Image.new_from_buffer(body, ""))
    return int(image.width), int(image.height)


def compare_pictures(before: bytes, after: bytes) -> Comparison:
    """Compare pixel by pixel, upper left corners together; blocks.

    Raises:
        RenderFailed: one of them cannot be read.
    """
    if before == after:
        return Comparison(share=0.0)
    return _guarded(lambda: _compare(_read(before), _read(after)))


def _compare(before: Any, after: Any) -> Comparison:
    width, height = max(before.width, after.width), max(before.height, after.height)
    old, new = (each.embed(0, 0, width, height) for each in (before, after))
    in_old, in_new = (_place_of(each, width, height) for each in (before, after))
    differs = ((old != new).bandor() | (in_old ^ in_new)).copy_memory()
    if differs.max() == 0:
        return Comparison(share=0.0)
    grey = in_new.ifthenelse(new, old).flatten(background=_MOST).colourspace("b-w")
    pale = (grey * _DIMMED + _MOST * (1 - _DIMMED)).cast("uchar")
    tints = [grey * (_TINTED * (_MOST - each) / _MOST) + each for each in _STRONG]
    tinted = tints[0].bandjoin(tints[1:]).cast("uchar")
    shown = differs.ifthenelse(tinted, pale.bandjoin([pale, pale]))
    picture = shown.copy(interpretation="srgb").pngsave_buffer(compression=6, keep="none")
    return Comparison(share=differs.avg() / _MOST, picture=bytes(picture))


def _place_of(image: Any, width: int, height: int) -> Any:
    """White where a picture of that size has the image."""
    white = pyvips.Image.black(image.width, image.height) + _MOST
    return white.cast("uchar").embed(0, 0, width, height)


def _read(body: bytes) -> Any:
    """In sRGB, with an alpha channel."""
    image = pyvips.Image.new_from_buffer(body, "").colourspace("srgb").cast("uchar")
    return image if image.bands > _OPAQUE else image.bandjoin(_MOST)


def _guarded(work: Callable[[], T]) -> T:
    try:
        return work()
    except pyvips.Error as error:
        raise RenderFailed(f"the picture cannot be read: {error}", reason="compare") from error
