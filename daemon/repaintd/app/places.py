"""Where things stand in the configuration's files; each file is read when somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from repaintd.config import Problem, limits
from repaintd.config.files import FileRefused, Tree, read_file
from repaintd.config.yaml_reader import YamlReader

if TYPE_CHECKING:
    from pathlib import Path as Directory

    from repaintd.config.document import Document
    from repaintd.config.problem import Path, Severity
    from repaintd.core.binding import Binding

SETTINGS = "repaintd.yaml"


class Places:
    """The files of one configuration directory, which was found valid a moment ago."""

    def __init__(self, directory: Directory) -> None:
        self._tree = Tree(directory)
        self._reader = YamlReader()
        self._documents: dict[str, Document | None] = {}
        self._indexes: dict[str, dict[str, int]] = {}

    def document(self, file: str) -> Document | None:
        """The document in *file*, relative to the directory; None where it cannot be read."""
        if file not in self._documents:
            self._documents[file] = self._read(file)
        return self._documents[file]

    def binding(self, binding: Binding) -> tuple[Document, Path] | None:
        """The document that *binding* stands in, and its path there."""
        if binding.origin is None:
            return None
        file = binding.origin.file
        document = self.document(file)
        if document is None:
            return None
        if file not in self._indexes:
            self._indexes[file] = _indexes(document.value)
        index = self._indexes[file].get(binding.uid)
        return None if index is None else (document, ("bindings", index))

    def problem(
        self,
        binding: Binding,
        path: Path,
        message: str,
        *,
        key: bool = False,
        severity: Severity = "warning",
    ) -> Problem:
        """A problem with the part of *binding* that *path* leads to, or with its key."""
        found = self.binding(binding)
        if found is not None:
            document, start = found
            return document.problem((*start, *path), message, key=key, severity=severity)
        origin = binding.origin  # moved under our hands: the place it was read from must do
        return Problem(
            file=origin.file if origin else binding.uid,
            line=origin.line if origin else 1,
            message=message,
            severity=severity,
        )

    def in_file(
        self, file: str, path: Path, message: str, *, severity: Severity = "warning"
    ) -> Problem:
        """A problem with the key in *file* that *path* leads to."""
        document = self.document(file)
        if document is None:
            return Problem(file=file, message=message, severity=severity)
        return document.problem(path, message, key=True, severity=severity)

    def _read(self, file: str) -> Document | None:
        try:
            entry = self._tree.entry(file)
            if entry is None:
                return None
            text = read_file(entry.real, limits.YAML_FILE_BYTES).decode("utf-8-sig", "replace")
        except FileRefused:
            return None
        return self._reader.read(file, text)[0]


def _indexes(value: Any) -> dict[str, int]:
    """Place in the list by uid."""
    items = value.get("bindings") if isinstance(value, dict) else None
    return {
        item["uid"]: index
        for index, item in enumerate(items or ())
        if isinstance(item, dict) and isinstance(item.get("uid"), str)
    }
