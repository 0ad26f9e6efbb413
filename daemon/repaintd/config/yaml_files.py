"""Reads the YAML files of one load: sizes and budgets across all of them."""

from __future__ import annotations

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


class YamlFiles:
    """The files read so far count against the limits of the next."""

    def __init__(self, report: Report, reader: YamlReader | None = None) -> None:
        self._report = report
        self._reader = reader or YamlReader()
        self._bytes = 0

    def read(self, entry: Entry) -> Document | None:
        """The document in the file, or None where it cannot be had; the report says why."""
        try:
            body = read_file(entry.real, limits.YAML_FILE_BYTES)
            self._count(body)
        except FileRefused as refused:
            self._report.add(Problem(file=entry.relative, message=str(refused)))
            return None
        text = decode(entry, body, self._report)
        if text is None:
            return None
        document, problems = self._reader.read(entry.relative, text)
        self._report.settle(problems)
        return document

    def _count(self, body: bytes) -> None:
        self._bytes += len(body)
        if self._bytes > limits.YAML_TOTAL_BYTES:
            most = f"{limits.YAML_TOTAL_BYTES:,}"
            raise FileRefused(f"brings all YAML files to more than {most} bytes; remove some")
