"""The faces that come with repaintd, so that an image looks the same on every machine.

`fonts.css` stands in the repository and decides which files there are; the files themselves are put
beside it by `make setup`, or by the build of the wheel, and are never committed.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from repaintd.core.template import Asset

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "_repaintd/fonts/"
STYLESHEET: Final = "fonts.css"
_URL: Final = re.compile(rf"url\(/{PREFIX}([a-z0-9-]+\.woff2)\)")


def shared_assets() -> Mapping[str, Asset]:
    """The style sheet and every font that is installed, by the path that templates ask for.

    Reads some 400 KiB from disk each time: call it once and keep what it gives. A template takes
    them in with `<link rel="stylesheet" href="/_repaintd/fonts/fonts.css">`.
    """
    folder = files(__name__)
    assets = {STYLESHEET: Asset(media_type="text/css", body=(folder / STYLESHEET).read_bytes())}
    for name in _named():
        font = folder / name
        if font.is_file():
            assets[name] = Asset(media_type="font/woff2", body=font.read_bytes())
    return {PREFIX + name: asset for name, asset in assets.items()}


def missing_fonts() -> tuple[str, ...]:
    """Names of the font files that the style sheet promises and that are not installed."""
    folder = files(__name__)
    return tuple(name for name in _named() if not (folder / name).is_file())


def _named() -> tuple[str, ...]:
    """The font files that the style sheet names, in its order."""
    return tuple(_URL.findall((files(__name__) / STYLESHEET).read_text("utf-8")))
