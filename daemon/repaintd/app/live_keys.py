"""The keys of the API, which a reload may replace."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repaintd.app.keys import Keys


class LiveKeys:
    """Implements `web.Keys` with the keys of the active configuration."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def matches(self, token: str) -> bool:
        """Whether *token* is one of them: all are compared, in constant time."""
        return self._keys.matches(token)

    def replace(self, keys: Keys) -> None:
        """Take these from now on, and the former no more."""
        self._keys = keys
