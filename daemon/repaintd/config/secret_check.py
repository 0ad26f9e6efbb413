"""Secret references at check time: wrong forms are errors, absent values are warnings (item 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from repaintd.config.secrets import Reference, ReferenceRefused, SecretResolver, references
from repaintd.errors import SecretUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from repaintd.config.document import Document
    from repaintd.config.part import Site
    from repaintd.config.problem import Path, Report


class SecretCheck:
    """Looks at the texts of one file that are resolved at use.

    Attributes:
        uses: the references found, each where it stands first.
    """

    def __init__(self, report: Report) -> None:
        self.uses: dict[Reference, Path] = {}
        self._report = report

    def check(self, document: Document, path: Path, value: Any) -> None:
        """Note the references in the texts of *value*, which stands at *path*."""
        if not document.may_refer:
            return
        for place, text in _texts(path, value):
            try:
                for reference in references(text):
                    self.uses.setdefault(reference, place)
            except ReferenceRefused as refused:
                self._report.add(document.problem(place, str(refused)))

    def clear_text(self, document: Document, path: Path, value: Any) -> None:
        """Warn of a secret, or of each in a list, that stands in the file itself."""
        if isinstance(value, list):
            for index, each in enumerate(value):
                self.clear_text(document, (*path, index), each)
        elif isinstance(value, str) and "${" not in value:
            message = "is a secret in clear text; keep it elsewhere, as ${credential:name} or such"
            self._report.add(document.problem(path, message, severity="warning"))


class SecretValues:
    """Looks at each load anew whether there is a value; each absent secret is told once."""

    def __init__(self, resolver: SecretResolver, report: Report) -> None:
        self._resolver = resolver
        self._report = report
        self._seen: set[Reference] = set()

    def check(self, site: Site[object]) -> None:
        """Warn of the secrets without value that the file is the first to use."""
        for reference, place in site.part.uses.items():
            if reference in self._seen:
                continue
            self._seen.add(reference)
            try:
                self._resolver.value(reference)
            except SecretUnavailable as unavailable:
                message = f"{unavailable}; what uses it fails until then"
                site.note(self._report, place, message, "warning")


def _texts(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        if "${" in value:
            yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts((*path, key), each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts((*path, index), each)
