"""`repaintd doctor`: can this machine do the work?"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
import structlog

from repaintd.app import load
from repaintd.app.examine import examine
from repaintd.cli.context import configured
from repaintd.logs import configure_logging

if TYPE_CHECKING:
    from repaintd.app import Options
    from repaintd.plugin import Finding


@click.command()
@configured
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(options: Options, *, as_json: bool) -> None:
    """Look at browser, sandbox, fonts, directories, address, egress, secrets and clock.

    Each line is ok, or names the one command that mends it. Exit with 1 when something is not ok.
    """
    configure_logging(sys.stderr, json=None, level="error")
    loaded = load(options)
    findings = asyncio.run(examine(loaded, log=structlog.get_logger(), environ=options.environ))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            _line(finding)
    if not all(finding.ok for finding in findings):
        raise click.exceptions.Exit(1)


def _line(finding: Finding) -> None:
    mark = (
        click.style("ok  ", fg="green") if finding.ok else click.style("FAIL", fg="red", bold=True)
    )
    click.echo(f"{mark}  {finding.check:<18}  {finding.detail}")
    if finding.remedy and not finding.ok:
        click.echo(f"{'':24}→ {finding.remedy}")
