"""Long texts are handed to the YAML scanner in portions.

libyaml scans one scalar in one go, and nobody else runs Python meanwhile: 16 MiB take 0.1 s. A
method written in Python that it must ask for more lets the others in.
"""

from __future__ import annotations

from typing import Final

_LONG: Final = 1024 * 1024
_PORTION: Final = 128 * 1024


class Portions:
    """A text as a stream, for PyYAML's loaders."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self, _size: int = -1) -> str:
        """The next portion; loaders take what they get, and empty is the end."""
        begin = self._at
        self._at = begin + _PORTION
        return self._text[begin : self._at]


def scannable(text: str) -> str | Portions:
    """What a loader is given to scan *text*."""
    return text if len(text) <= _LONG else Portions(text)
