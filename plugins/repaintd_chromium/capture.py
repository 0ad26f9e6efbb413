"""From a page that stands still to bytes, in as few round trips as CDP allows."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from playwright.async_api import Error

from repaintd.plugin import ImageFormat
from repaintd_chromium.pdf import normalize_pdf, print_settings

if TYPE_CHECKING:
    from playwright.async_api import CDPSession

    from repaintd.plugin import RenderJob

# right after a navigation there may be no frame yet to take the picture from
NOT_YET: Final = "Unable to capture screenshot"
TRIES: Final = 5

CLEAR: Final = {"color": {"r": 0, "g": 0, "b": 0, "a": 0}}


async def capture(session: CDPSession, job: RenderJob) -> bytes:
    """The page as a finished JPEG, WebP or PDF, or as a PNG that is packed fast, not small."""
    if job.format is ImageFormat.PDF:
        answer = await session.send("Page.printToPDF", print_settings(job))
        return normalize_pdf(base64.b64decode(answer["data"]))
    return base64.b64decode(await _screenshot(session, screenshot_settings(job)))


def screenshot_settings(job: RenderJob) -> dict[str, Any]:
    """Parameters of `Page.captureScreenshot`.

    JPEG and WebP are written by Chromium; its PNG takes ten times as long as libvips', and does
    not run beside the next capture, so that one is only packed fast here.
    """
    clip = {"x": 0, "y": 0, "width": job.width, "height": job.height, "scale": 1}
    settings: dict[str, Any] = {"clip": clip, "fromSurface": True, "captureBeyondViewport": False}
    settings |= {"format": job.format.value, "optimizeForSpeed": True}
    if job.format is not ImageFormat.PNG:
        settings["quality"] = job.quality
    return settings


async def _screenshot(session: CDPSession, settings: dict[str, Any]) -> str:
    for attempt in range(1, TRIES + 1):
        try:
            answer = await session.send("Page.captureScreenshot", settings)
        except Error as error:
            if NOT_YET not in str(error) or attempt == TRIES:
                raise
        else:
            return str(answer["data"])
    raise AssertionError("unreachable: the last attempt returns or raises")
