"""Whether two pictures show the same."""

from __future__ import annotations

import pyvips


def different_pixels(one: bytes, other: bytes) -> int:
    """How many pixels differ; all of *one*'s where the sizes do."""
    left, right = _opaque(one), _opaque(other)
    size: int = left.width * left.height
    if (left.width, left.height) != (right.width, right.height):
        return size
    differs: float = (left != right).bandor().avg() / 255
    return round(differs * size)


def _opaque(body: bytes) -> pyvips.Image:
    image = pyvips.Image.new_from_buffer(body, "")
    if image.hasalpha() and image[image.bands - 1].min() == 255:
        image = image[: image.bands - 1]
    return image
