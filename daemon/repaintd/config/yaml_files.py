"""Reads the YAML files of one load: sizes and budgets across all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from repaintd.config import limits
from repaintd.config.decoding import decode
from repaintd.config.files import FileRefused, read_file
from repaintd.config.problem import Problem
from repaintd.config.yaml_reader import YamlReader

if TYPE_CHECKING:
    from repaintd.config.document import Document
    from repaintd.config.files import Entry
    from repaintd.config.problem import Report


@dataclass(frozen=True, slots=True)
class Cost:
    """What a file takes of the limits that all files share."""

    size: int = 0
    nodes: int = 0
    alias_nodes: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.size + other.size,
            self.nodes + other.nodes,
            self.alias_nodes + other.alias_nodes,
        )

    def __sub__(self, other: Cost) -> Cost:
        return Cost(
            self.size - other.size,
            self.nodes - other.nodes,
            self.alias_nodes - other.alias_nodes,
        )


class YamlFiles:
    """The files read so far count against the limits of the next."""

    def __init__(self, reader: YamlReader | None = None) -> None:
        self._reader = reader or YamlReader()
        self._size = 0

    @property
    def spent(self) -> Cost:
        """What all files so far took."""
        return Cost(self._size, self._reader.nodes, self._reader.alias_nodes)

    @property
    def exhausted(self) -> bool:
        """Whether a limit is passed: what is said of a file then is not its own fault alone."""
        return not _within(self.spent)

    def afford(self, cost: Cost) -> bool:
        """Count a file that need not be read again; False if it must, to say which limit it met."""
        total = self.spent + cost
        if not _within(total):
            return False
        self._size = total.size
        self._reader.nodes, self._reader.alias_nodes = total.nodes, total.alias_nodes
        return True

    def read(self, entry: Entry, report: Report) -> Document | None:
        """The document in the file, or None where it cannot be had; the report says why."""
        body = self.body(entry, report)
        return None if body is None else self.parse(entry, body, report)

    def body(self, entry: Entry, report: Report) -> bytes | None:
        """The bytes of the file, not counted yet."""
        try:
            return read_file(entry.real, limits.YAML_FILE_BYTES)
        except FileRefused as refused:
            report.add(Problem(file=entry.relative, message=str(refused)))
            return None

    def parse(self, entry: Entry, body: bytes, report: Report) -> Document | None:
        """The document in *body*, which counts from now on."""
        self._size += len(body)
        if self._size > limits.YAML_TOTAL_BYTES:
            most = f"{limits.YAML_TOTAL_BYTES:,}"
            message = f"brings all YAML files to more than {most} bytes; remove some"
            report.add(Problem(file=entry.relative, message=message))
            return None
        text = decode(entry, body, report)
        if text is None:
            return None
        document, problems = self._reader.read(entry.relative, text)
        report.settle(problems)
        return document


def _within(cost: Cost) -> bool:
    return (
        cost.size <= limits.YAML_TOTAL_BYTES
        and cost.nodes <= limits.YAML_NODES
        and cost.alias_nodes <= limits.YAML_ALIAS_NODES
    )
