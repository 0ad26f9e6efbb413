"""Problems for people, and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from repaintd.config.problem import visible

if TYPE_CHECKING:
    from repaintd.cli.reports.report import CheckReport


def text(report: CheckReport) -> str:
    """One line for each problem, `file:line:column: path: what`, and a summary."""
    lines = [str(problem) for problem in report.checked.problems]
    summary = click.style(report.summary, fg="green") if report.passed else report.summary
    return "\n".join([*lines, summary])


def as_json(report: CheckReport) -> str:
    """`{valid, problems}`; files are relative to the configuration directory."""
    rows = [
        {
            "file": problem.file,
            "line": problem.line,
            "column": problem.column,
            "path": problem.path,
            "message": visible(problem.message),
            "severity": problem.severity,
        }
        for problem in report.checked.problems
    ]
    return json.dumps({"valid": report.passed, "problems": rows}, indent=2)
