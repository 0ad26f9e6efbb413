"""What one YAML file gave, and all that must hold for it to count in the next load as well."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from repaintd.config import limits
from repaintd.config.decoding import decode
from repaintd.config.document import Document
from repaintd.config.files import FileRefused, read_file
from repaintd.config.problem import Problem, Report, dotted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.config.files import Entry
    from repaintd.config.problem import Path, Severity
    from repaintd.config.secrets import Reference
    from repaintd.config.stamps import Stamp
    from repaintd.config.yaml_files import Cost
    from repaintd.config.yaml_places import Position

Value_co = TypeVar("Value_co", covariant=True)
_DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Generic[Value_co]):
    """What one file gave. The text and the parsed document are not kept.

    Attributes:
        stamp: of the file when it was read; None where that told nothing.
        digest: of its bytes.
        cost: what it takes of the limits that all files share.
        report: the problems that the file has by itself.
        uses: the secrets it refers to, each where it stands first.
        positions: of nodes that were asked for.
        value: what was made of the document.
    """

    stamp: Stamp | None
    digest: bytes
    cost: Cost
    report: Report
    uses: Mapping[Reference, Path]
    positions: dict[Path, Position] = field(default_factory=dict)
    value: Value_co


class Site(Generic[Value_co]):
    """A part and its file, for problems that show only beside other files, or at each load."""

    def __init__(
        self, entry: Entry, part: Part[Value_co], document: Document | None = None
    ) -> None:
        self.entry = entry
        self.part = part
        self._document = document

    def note(self, report: Report, path: Path, message: str, severity: Severity = "error") -> None:
        """Report a problem with the node at *path*, unless all is said of it in the part."""
        line, column = self._position(path)
        problem = Problem(
            file=self.entry.relative,
            line=line,
            column=column,
            path=dotted(path),
            message=message,
            severity=severity,
        )
        if not self.part.report.settles(problem):
            report.add(problem)

    def _position(self, path: Path) -> Position:
        found = self.part.positions.get(path)
        if found is None:
            if self._document is None:
                self._document = Document(self.entry.relative, self._text_again(), None)
            found = self.part.positions[path] = self._document.place(path)
        return found

    def _text_again(self) -> str:
        """The text that was read by an earlier load; empty if that is gone."""
        try:
            body = read_file(self.entry.real, limits.YAML_FILE_BYTES)
        except FileRefused:
            return ""
        same = name_of(body) == self.part.digest
        return (decode(self.entry, body, Report()) or "") if same else ""


def name_of(body: bytes) -> bytes:
    """Equal names, equal bytes."""
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()
