"""From Chromium's fast PNG to the bytes that are published, off the event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyvips

from repaintd.plugin import ImageFormat, RenderedImage, RenderFailed

if TYPE_CHECKING:
    from repaintd.plugin import RenderJob
    from repaintd_chromium.threads import Threads

OPAQUE_BANDS: Final = 3

# Flat areas and text pack best without a filter, photographs need one. The bytes per pixel of
# Chromium's fast PNG tell them apart. In between, what gets little smaller is tried both ways.
FLAT: Final = 0.3
PHOTO: Final = 1.2
LITTLE: Final = 0.6
LEVEL_FLAT: Final = 9
LEVEL: Final = 7
LEVEL_FILTERED: Final = 6


class Encoder:
    """Packs pictures in threads; libvips lets go of the interpreter lock meanwhile."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        # every picture is a new one: a cache of operations would only keep memory
        pyvips.cache_set_max(0)

    async def finish(self, job: RenderJob, body: bytes) -> RenderedImage:
        """The picture as *job* wants it.

        Raises:
            RenderFailed: libvips cannot read or write it.
        """
        try:
            if job.format is ImageFormat.PNG:
                return await self._threads.run(pack_png, job, body)
            return measure(job, body)
        except pyvips.Error as error:
            raise RenderFailed(
                f"Chromium's picture cannot be read: {error}", reason="encode"
            ) from error


def measure(job: RenderJob, body: bytes) -> RenderedImage:
    """A finished picture with its size, which for a PDF is that of the paper in CSS pixels."""
    if job.format is ImageFormat.PDF:
        return _rendered(job, body, job.width, job.height)
    image = pyvips.Image.new_from_buffer(body, "")  # reads the header only
    return _rendered(job, body, int(image.width), int(image.height))


def pack_png(job: RenderJob, body: bytes) -> RenderedImage:
    """The same pixels in fewer bytes; never more than Chromium's."""
    image = _read(job, body)
    width, height = int(image.width), int(image.height)
    density = len(body) / (width * height)
    packed = body
    if density < PHOTO:
        level = LEVEL_FLAT if density < FLAT else LEVEL
        packed = image.pngsave_buffer(compression=level, filter="none", keep="none")
    if density >= FLAT and len(packed) > LITTLE * len(body):
        image = _read(job, body)  # a stream is read once
        filtered = image.pngsave_buffer(compression=LEVEL_FILTERED, filter="sub", keep="none")
        packed = min(packed, filtered, key=len)
    return _rendered(job, bytes(packed), width, height)


def _read(job: RenderJob, body: bytes) -> Any:
    image = pyvips.Image.new_from_buffer(body, "", access="sequential")
    if not job.template.transparent and image.bands > OPAQUE_BANDS:
        image = image.extract_band(0, n=OPAQUE_BANDS)
    return image


def _rendered(job: RenderJob, body: bytes, width: int, height: int) -> RenderedImage:
    return RenderedImage(body=body, media_type=job.format.media_type, width=width, height=height)
