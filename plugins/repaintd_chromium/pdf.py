"""One page of PDF, with the same bytes for the same page."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from repaintd.plugin import RenderJob

PIXELS_PER_INCH: Final = 96
POINTS_PER_INCH: Final = 72
DOTS_PER_INCH: Final = 300  # Chromium rounds paper down to these

_DATE: Final = re.compile(rb"/(CreationDate|ModDate) \(D:[^)]*\)")
_EPOCH: Final = b"20000101000000"


def print_settings(job: RenderJob) -> dict[str, Any]:
    """Parameters of `Page.printToPDF`: paper as large as the viewport, no margins."""
    return {
        "printBackground": True,
        "displayHeaderFooter": False,
        "paperWidth": _inches(job.width),
        "paperHeight": _inches(job.height),
        "marginTop": 0,
        "marginBottom": 0,
        "marginLeft": 0,
        "marginRight": 0,
        "pageRanges": "1",
        "generateTaggedPDF": False,
        "generateDocumentOutline": False,
    }


def normalize_pdf(body: bytes) -> bytes:
    """Replace the dates by one that never changes, of the same length: offsets stay true."""
    return _DATE.sub(_same_length, body)


def points(pixels: int) -> int:
    """CSS pixels as whole points."""
    return round(pixels * POINTS_PER_INCH / PIXELS_PER_INCH)


def _inches(pixels: int) -> float:
    # up to the next dot: a page one dot too small pushes its last line to a second page
    return math.ceil(pixels * DOTS_PER_INCH / PIXELS_PER_INCH) / DOTS_PER_INCH


def _same_length(found: re.Match[bytes]) -> bytes:
    start, _, date = found.group().partition(b"D:")
    fixed = _EPOCH + date[len(_EPOCH) : -1]
    return start + b"D:" + fixed[: len(date) - 1] + b")"
