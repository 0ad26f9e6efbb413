"""What a renderer is asked for, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repaintd.core.binding import ImageFormat
    from repaintd.core.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderJob:
    """One picture to draw.

    Attributes:
        template: for its assets, its fingerprint and whether scripts may run.
        markup: the template with the data in it.
        width: CSS pixels, 1 to 10,000; height likewise.
        scale: device pixels per CSS pixel.
        quality: 1 to 100; formats without loss ignore it.
        timeout: seconds from start of drawing to the last byte; waiting for a turn is not counted.
    """

    template: Template
    markup: str = field(repr=False)
    width: int
    height: int
    scale: float = 1.0
    format: ImageFormat
    quality: int = 90
    timeout: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedImage:
    """A finished picture.

    Attributes:
        width: pixels of the file (CSS pixels for a PDF); height likewise.
        seconds: how long drawing took, waiting for a turn not counted; None if it was not measured.
    """

    body: bytes = field(repr=False)
    media_type: str
    width: int
    height: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedImage:
    """An image that lies in place.

    Attributes:
        etag: strong entity tag without quotes: the hash of the bytes.
        size: bytes.
        changed: False when the file had these very bytes already.
    """

    etag: str
    size: int
    media_type: str
    width: int
    height: int
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedImage:
    """The bytes of a stable file as a reader gets them; the entity tag is always theirs.

    Attributes:
        etag: strong entity tag without quotes.
        modified_at: when the file was put in place, seconds since the epoch.
    """

    body: bytes = field(repr=False)
    etag: str
    modified_at: float
