"""Sizes that are drawn; anything larger is refused before a browser sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from repaintd.plugin import ImageFormat, RenderFailed

if TYPE_CHECKING:
    from repaintd.plugin import RenderJob

MAX_SIDE: Final = 10_000
MAX_PIXELS: Final = 50_000_000
MAX_WEBP_SIDE: Final = 16_383  # of the file format


def check_size(job: RenderJob) -> None:
    """Refuse what would take too much memory.

    Raises:
        RenderFailed: reason `too_large`, naming the limit.
    """
    if not (1 <= job.width <= MAX_SIDE and 1 <= job.height <= MAX_SIDE):
        raise _too_large(f"{job.width} x {job.height}: each side must be 1 to {MAX_SIDE} px")
    if not 0 < job.scale <= MAX_SIDE:
        raise _too_large(f"scale {job.scale}: it must be above 0")
    pixels = job.width * job.height * job.scale**2
    if pixels > MAX_PIXELS:
        raise _too_large(
            f"{job.width} x {job.height} at scale {job.scale:g} is {pixels / 1e6:.0f} megapixels;"
            f" the limit is {MAX_PIXELS / 1e6:.0f}"
        )
    if job.format is ImageFormat.WEBP and max(job.width, job.height) * job.scale > MAX_WEBP_SIDE:
        raise _too_large(f"a WebP is at most {MAX_WEBP_SIDE} px wide and high; take png or jpeg")


def _too_large(what: str) -> RenderFailed:
    return RenderFailed(f"the picture is too large: {what}", reason="too_large")
