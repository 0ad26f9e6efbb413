"""Uids that are unique over all files: the stable file is `<uid>.<format>`."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from repaintd.config.problem import shortened

if TYPE_CHECKING:
    from repaintd.config.bindings import FileBindings, Item
    from repaintd.config.part import Site
    from repaintd.config.problem import Report
    from repaintd.core.binding import Binding


class Uids:
    """Takes the bindings of one file after the other.

    Attributes:
        bindings: those whose uids nobody had before, by uid.
    """

    def __init__(self, report: Report) -> None:
        self.bindings: dict[str, Binding] = {}
        self._report = report
        self._first: dict[str, tuple[str, int]] = {}

    def take(self, site: Site[FileBindings]) -> None:
        """Take those of one file; who has the uid of another is a problem."""
        file = site.entry.relative
        for item in site.part.value.items:
            binding = item.binding
            place = (file, item.line)
            first = self._first.setdefault(_form(item.uid) if binding is None else item.uid, place)
            if first is not place:
                self._refuse(site, item, first)
            elif binding is not None:
                self.bindings[item.uid] = binding

    def _refuse(self, site: Site[FileBindings], item: Item, first: tuple[str, int]) -> None:
        file, line = first
        message = (
            f"{shortened(item.uid)} is the uid of the binding at {file}:{line} already; rename one"
        )
        site.note(self._report, ("bindings", item.index, "uid"), message)


def _form(uid: str) -> str:
    """What file systems may take for the same name: without regard to case and Unicode form."""
    return uid.lower() if uid.isascii() else unicodedata.normalize("NFC", uid).casefold()
