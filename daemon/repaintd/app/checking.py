"""All that `repaintd check` looks at, without anything being opened or asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from repaintd.app.configure import load
from repaintd.app.fixtures import check_fixtures, fixture_names
from repaintd.app.names import check_names
from repaintd.errors import ConfigurationError

if TYPE_CHECKING:
    from repaintd.app.configure import Options
    from repaintd.config import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of a check; counts are of a configuration that could be loaded.

    Attributes:
        problems: by file and place.
    """

    problems: tuple[Problem, ...]
    bindings: int = 0
    templates: int = 0
    fixtures: int = 0

    @property
    def errors(self) -> int:
        """How many of the problems keep the configuration from being used as it is meant."""
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def warnings(self) -> int:
        """How many are doubts only."""
        return len(self.problems) - self.errors


def check(options: Options) -> Checked:
    """Check everything; mappings and fixtures only where the files themselves are sound."""
    try:
        loaded = load(options)
    except ConfigurationError as error:
        return Checked(problems=error.problems)
    configuration = loaded.configuration
    problems = [*configuration.warnings, *check_names(loaded), *check_fixtures(loaded)]
    return Checked(
        problems=tuple(sorted(dict.fromkeys(problems), key=_place)),
        bindings=len(configuration.bindings),
        templates=len(configuration.templates),
        fixtures=len(fixture_names(configuration.directory)),
    )


def _place(problem: Problem) -> tuple[str, int, int]:
    return problem.file, problem.line, problem.column
