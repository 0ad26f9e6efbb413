"""`repaintd check`: is this configuration valid?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from repaintd.app import load
from repaintd.cli.context import configured
from repaintd.config.problem import visible
from repaintd.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from repaintd.app import Options
    from repaintd.config import Problem


@click.command()
@configured
@click.option(
    "--format",
    "output_format",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="How problems are printed.",
)
def check(options: Options, output_format: str) -> None:
    """Check a configuration directory; exit with 0 when it is valid, with 1 when it is not."""
    problems: Sequence[Any]
    summary = ""
    try:
        configuration = load(options).configuration
    except ConfigurationError as error:
        problems, valid = error.problems, False
    else:
        problems, valid = configuration.warnings, True
        summary = (
            f"{len(configuration.bindings)} bindings, {len(configuration.templates)} templates"
        )
    if output_format == "json":
        _as_json(problems, valid=valid)
    else:
        _as_text(problems, summary, valid=valid)
    if not valid:
        raise click.exceptions.Exit(1)


def _as_text(problems: Sequence[Problem], summary: str, *, valid: bool) -> None:
    for problem in problems:
        click.echo(str(problem), err=not valid)
    if valid:
        click.secho(f"ok: {summary}", fg="green")
    else:
        click.echo(f"{len(problems)} problem(s)", err=True)


def _as_json(problems: Sequence[Problem], *, valid: bool) -> None:
    rows = [
        {
            "file": problem.file,
            "line": problem.line,
            "column": problem.column,
            "path": problem.path,
            "message": visible(problem.message),
            "severity": problem.severity,
        }
        for problem in problems
    ]
    click.echo(json.dumps({"valid": valid, "problems": rows}, indent=2))
