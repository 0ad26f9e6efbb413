"""`repaintd check`: is this configuration valid?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from repaintd.app import checking
from repaintd.cli.context import configured
from repaintd.cli.reports import FORMATS
from repaintd.cli.reports.report import CheckReport
from repaintd.cli.reports.root import find_root

if TYPE_CHECKING:
    from repaintd.app import Options


@click.command()
@configured
@click.option(
    "--format",
    "output_format",
    type=click.Choice(tuple(FORMATS)),
    default="text",
    show_default=True,
    help="github: annotations of GitHub Actions; sarif: SARIF 2.1.0, for code scanning.",
)
@click.option("--strict", is_flag=True, help="Let warnings fail the check, too.")
def check(options: Options, output_format: str, *, strict: bool) -> None:
    """Check a configuration directory; exit with 0 when it is valid, with 1 when it is not.

    Files, templates, names that bindings and templates do not agree on, and mappings, where
    fixtures/<uid>.json holds a recorded document of the binding's source.
    """
    report = CheckReport(
        checked=checking.check(options),
        directory=options.directory,
        root=find_root(options.directory, options.environ),
        strict=strict,
    )
    for_people = output_format == "text"
    click.echo(FORMATS[output_format](report), err=for_people and not report.passed)
    if not report.passed:
        raise click.exceptions.Exit(1)
