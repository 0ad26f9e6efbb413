"""Problems as workflow commands of GitHub Actions, which become annotations of a pull request.

Form and escapes are those of the runner: https://docs.github.com/actions, "Workflow commands".
GitHub shows ten errors and ten warnings of a step; SARIF has no such limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from repaintd.cli.reports.rules import rule_of
from repaintd.config.problem import visible

if TYPE_CHECKING:
    from repaintd.cli.reports.report import CheckReport
    from repaintd.config import Problem

_OF_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_OF_PROPERTIES: Final = _OF_DATA | str.maketrans({":": "%3A", ",": "%2C"})


def github(report: CheckReport) -> str:
    """One command for each problem, and a summary."""
    return "\n".join([*(_command(report, each) for each in report.checked.problems), _end(report)])


def _command(report: CheckReport, problem: Problem) -> str:
    path = report.path_of(problem.file)
    properties = {
        "file": (report.root.relative(path) or path).as_posix(),
        "line": str(problem.line),
        "col": str(problem.column),
        "title": rule_of(problem).id,
    }
    written = ",".join(
        f"{name}={value.translate(_OF_PROPERTIES)}" for name, value in properties.items()
    )
    where = f"{problem.path}: " if problem.path else ""
    message = "\n".join(visible(line) for line in f"{where}{problem.message}".split("\n"))
    return f"::{problem.severity} {written}::{message.translate(_OF_DATA)}"


def _end(report: CheckReport) -> str:
    return visible(report.summary)
