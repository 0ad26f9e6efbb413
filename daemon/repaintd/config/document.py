"""A YAML document with its text: values to validate, places to report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from repaintd.config.problem import Path, Problem, Severity, dotted
from repaintd.config.yaml_places import LOADER, Place, Position, find_places

if TYPE_CHECKING:
    from collections.abc import Mapping


class Document:
    """What one file holds.

    Attributes:
        file: relative to the configuration directory.
        value: JSON values only: texts, 64-bit integers, finite floats, lists, dicts of texts.
        may_refer: whether a text in it can hold a secret reference (an escape could spell one).
    """

    def __init__(
        self,
        file: str,
        text: str,
        value: Any,
        lines: Mapping[int, int] | None = None,
        loader: Any = LOADER,
    ) -> None:
        self.file = file
        self.text = text
        self.value = value
        self.may_refer = "${" in text or "\\" in text
        self._lines = lines or {}
        self._loader = loader
        self._root: Place | None = None

    def line_of(self, mapping: Mapping[str, Any]) -> int:
        """The line that a mapping near the root begins on."""
        return self._lines.get(id(mapping), 1)

    def place(self, path: Path, *, key: bool = False) -> Position:
        """Where the node at *path* stands, or its key; what lies behind an alias is at the alias.

        Parts that lead nowhere are passed over: an absent key is where its mapping begins.
        """
        if self._root is None:
            self._root = find_places(self.text, self._loader)
        place = self._root
        for part in path:
            place = place.children.get(part, place)
        return place.key if key and place.key else place.at

    def problem(
        self, path: Path, message: str, *, key: bool = False, severity: Severity = "error"
    ) -> Problem:
        """A problem with the node at *path*, or with its key."""
        line, column = self.place(path, key=key)
        return Problem(
            file=self.file,
            line=line,
            column=column,
            path=dotted(path),
            message=message,
            severity=severity,
        )
