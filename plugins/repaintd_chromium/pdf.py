"""One page of PDF, with the same bytes for the same page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from repaintd.plugin import RenderJob

PIXELS_PER_INCH: Final = 96

_DATE: Final = re.compile(rb"/(CreationDate|ModDate) \(D:[^)]*\)")
_EPOCH: Final = b"20000101000000"


def print_settings(job: RenderJob) -> dict[str, Any]:
    """Parameters of `Page.printToPDF`: paper as large as the viewport, no margins."""
    return {
        "printBackground": True,
        "displayHeaderFooter": False,
        "paperWidth": job.width / PIXELS_PER_INCH,
        "paperHeight": job.height / PIXELS_PER_INCH,
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


def _same_length(found: re.Match[bytes]) -> bytes:
    start, _, date = found.group().partition(b"D:")
    fixed = _EPOCH + date[len(_EPOCH) : -1]
    return start + b"D:" + fixed[: len(date) - 1] + b")"
