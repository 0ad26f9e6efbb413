"""What a report tells of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from repaintd.app.checking import Checked
    from repaintd.cli.reports.root import Root


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """The problems, where their files lie, and what is made of them.

    Attributes:
        directory: the configuration directory, as it was given.
        root: what paths for machines are relative to.
        strict: a warning fails the check, too.
    """

    checked: Checked
    directory: Path
    root: Root
    strict: bool = False

    @property
    def passed(self) -> bool:
        """Whether the exit code is 0."""
        return not self.checked.errors and not (self.strict and self.checked.warnings)

    @property
    def summary(self) -> str:
        """The last line for people."""
        checked = self.checked
        if self.passed:
            fixtures = f", {checked.fixtures} fixtures" if checked.fixtures else ""
            return f"ok: {checked.bindings} bindings, {checked.templates} templates{fixtures}"
        if not checked.errors:
            return f"{checked.warnings} warning(s), and --strict allows none"
        return f"{len(checked.problems)} problem(s)"

    def path_of(self, file: str) -> Path:
        """Where *file* of the configuration directory lies; a problem may name the directory."""
        return self.directory if file == str(self.directory) else self.directory / file
