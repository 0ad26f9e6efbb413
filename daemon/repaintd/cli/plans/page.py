"""A page of Markdown that ends before it is too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST: Final = 60_000
"""Characters. GitHub takes comments of 65,536."""
_SPARE: Final = 200


class Page:
    """Takes blocks while there is room; what comes after that is counted."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._left = longest - _SPARE
        self._blocks: list[str] = []
        self._omitted = 0

    def add(self, block: str) -> None:
        """Append it, whole or not at all."""
        if not self._take(block):
            self._omitted += 1

    def add_rows(self, head: str, rows: Sequence[str], end: str) -> None:
        """Append a table with as many of its rows as there is room for."""
        if not self._take(head + end):
            self._omitted += len(rows)
            return
        self._blocks[-1] = head
        for number, row in enumerate(rows):
            if not self._take(row):
                self._omitted += len(rows) - number
                break
        self._blocks.append(end)

    def text(self) -> str:
        """All of it, and how much there was no room for."""
        if self._omitted:
            more = f"\n… and {self._omitted:,} more, for which there is no room here.\n"
            return "".join([*self._blocks, more])
        return "".join(self._blocks)

    def _take(self, block: str) -> bool:
        if len(block) > self._left:
            return False
        self._left -= len(block)
        self._blocks.append(block)
        return True
