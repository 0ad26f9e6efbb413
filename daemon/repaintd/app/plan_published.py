"""The image that a running daemon serves for a binding."""

from __future__ import annotations

import http.client
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from repaintd.app.client import address
from repaintd.app.plan_recorded import NothingRecorded
from repaintd.core.image import RenderedImage
from repaintd.render.compare import size_of

if TYPE_CHECKING:
    from repaintd.config import Configuration
    from repaintd.core.binding import ImageFormat

SECONDS: Final = 30.0
MOST_BYTES: Final = 64 * 1024 * 1024
ORIGIN: Final = "the daemon's own data, as published"


def published(configuration: Configuration, uid: str, written: ImageFormat) -> RenderedImage:
    """The image as anybody gets it; blocks.

    Raises:
        NothingRecorded: there is none just now.
        RenderFailed: what is served is no image.
    """
    connection = http.client.HTTPConnection(*address(configuration), timeout=SECONDS)
    try:
        connection.request("GET", f"/b/{uid}.{written.value}")
        response = connection.getresponse()
        body = response.read(MOST_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise NothingRecorded(
            f"the daemon's image could not be had ({type(error).__name__})"
        ) from error
    finally:
        connection.close()
    if response.status != HTTPStatus.OK or len(body) > MOST_BYTES:
        raise NothingRecorded(f"the daemon shows no image of it (HTTP {response.status})")
    width, height = size_of(body)
    return RenderedImage(body=body, media_type=written.media_type, width=width, height=height)
