"""The files of a template folder, in memory: `template.html` and the assets beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from repaintd.config import limits
from repaintd.config.files import FileRefused, read_file
from repaintd.config.problem import Problem
from repaintd.core.template import Asset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.config.files import Entry, Tree
    from repaintd.config.problem import Report

MARKUP: Final = "template.html"
SETTINGS: Final = "template.yaml"
_MEDIA_TYPES: Final = {
    "avif": "image/avif",
    "css": "text/css",
    "csv": "text/csv",
    "gif": "image/gif",
    "html": "text/html",
    "ico": "image/x-icon",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript",
    "json": "application/json",
    "mjs": "text/javascript",
    "otf": "font/otf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "ttf": "font/ttf",
    "txt": "text/plain",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xml": "application/xml",
}
_UNKNOWN: Final = "application/octet-stream"


class AssetReader:
    """Reads the folders of one load, which share a limit."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._total = 0

    def afford(self, size: int) -> bool:
        """Count a folder that need not be read again; False if it must, to say what is too much."""
        if self._total + size > limits.TEMPLATES_TOTAL_BYTES:
            return False
        self._total += size
        return True

    @property
    def exhausted(self) -> bool:
        """Whether the limit is passed."""
        return self._total > limits.TEMPLATES_TOTAL_BYTES

    def read(self, folder: Entry, report: Report, known: Mapping[str, Asset]) -> dict[str, Asset]:
        """Every asset by its path in *folder*; the report says which could not be had.

        Those that are the same in *known* are the same objects.
        """
        assets: dict[str, Asset] = {}
        size = 0
        for entry in self._tree.walk(folder, report):
            name = entry.relative.removeprefix(f"{folder.relative}/")
            body = None if name in {MARKUP, SETTINGS} else _body(entry, report)
            if body is None:
                continue
            asset = Asset(media_type=media_type(name), body=body)
            assets[name] = known[name] if known.get(name) == asset else asset
            size += len(body)
            excess = self._excess(len(body), len(assets), size)
            if excess:
                report.add(Problem(file=entry.relative, message=f"{excess}; remove some"))
                break
        return assets

    def _excess(self, added: int, count: int, size: int) -> str:
        self._total += added
        if count > limits.TEMPLATE_FILES:
            return f"brings its template to more than {limits.TEMPLATE_FILES} files"
        if size > limits.TEMPLATE_FOLDER_BYTES:
            return f"brings its template to more than {limits.TEMPLATE_FOLDER_BYTES:,} bytes"
        if self._total > limits.TEMPLATES_TOTAL_BYTES:
            return f"brings all templates to more than {limits.TEMPLATES_TOTAL_BYTES:,} bytes"
        return ""


def _body(entry: Entry, report: Report) -> bytes | None:
    try:
        return read_file(entry.real, limits.TEMPLATE_ASSET_BYTES)
    except FileRefused as refused:
        report.add(Problem(file=entry.relative, message=str(refused)))
        return None


def media_type(name: str) -> str:
    """The media type of a file, by its extension."""
    return _MEDIA_TYPES.get(name.rpartition(".")[2].lower(), _UNKNOWN)
