"""`repaintd plan`: what would this configuration change?"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import structlog

from repaintd.app import load
from repaintd.app.client import DaemonSilent
from repaintd.app.plan import make_plan
from repaintd.app.plan_baseline import DAEMON, open_baseline
from repaintd.app.plan_pictures import draw_pictures
from repaintd.cli.context import configured
from repaintd.cli.plans import FORMATS, INVALID
from repaintd.cli.plans.folder import open_folder, write_summaries
from repaintd.cli.plans.report import PlanReport
from repaintd.errors import ConfigurationError, RepaintdError
from repaintd.logs import configure_logging

if TYPE_CHECKING:
    from repaintd.app import Options
    from repaintd.app.plan import Plan
    from repaintd.app.plan_baseline import Baseline
    from repaintd.app.plan_pictures import Gallery

CHANGES = 2
LIMIT = 100
MOST = 10_000


class _Misused(click.UsageError):
    """Ends with 1: 2 means that something changes."""

    exit_code = 1


class _Command(click.Command):
    """Tells misuse from changes."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as mistake:
            raise _Misused(mistake.format_message(), mistake.ctx) from mistake


@click.command(cls=_Command)
@configured
@click.option(
    "--against",
    metavar="REF|DIR|daemon",
    default=DAEMON,
    show_default=True,
    help="What to compare with: a directory, a Git revision, or the running daemon.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(tuple(FORMATS)),
    default="text",
    show_default=True,
    help="markdown: a comment for a pull request, of 60,000 characters at most.",
)
@click.option(
    "--render",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Draw what changes, before and after, with summary.md and summary.json; asks no source.",
)
@click.option(
    "--limit",
    type=click.IntRange(0, MOST),
    default=LIMIT,
    show_default=True,
    help="With --render: draw at most so many bindings.",
)
@click.option(
    "--pictures-url",
    metavar="URL",
    default="",
    help="Where the pictures will be found, for links in Markdown (default: beside summary.md).",
)
def plan(
    options: Options,
    *,
    against: str,
    output_format: str,
    folder: Path | None,
    limit: int,
    pictures_url: str,
) -> None:
    """Say what a configuration would change; exit with 0 when that is nothing, 2 when something.

    Exit with 1 when it is not valid, or there is nothing to compare with. Images are drawn from
    recorded data: fixtures/<uid>.json, what the daemon on this machine has, or defaults.
    """
    try:
        report = _report(options, against, folder, limit, _base(pictures_url))
    except ConfigurationError as error:
        say = INVALID.get(output_format)
        if say is None:
            raise
        click.echo(say(error.problems))
        raise click.exceptions.Exit(1) from error
    if folder is not None:
        write_summaries(folder, report)
    click.echo(FORMATS[output_format](report), nl=output_format != "markdown")
    if not report.plan.empty:
        raise click.exceptions.Exit(CHANGES)


def _report(
    options: Options, against: str, folder: Path | None, limit: int, base: str
) -> PlanReport:
    loaded = load(options)
    try:
        with open_baseline(loaded, options, against) as baseline:
            found = make_plan(baseline)
            gallery = None
            if folder is not None:
                gallery = _drawn(found, baseline, open_folder(folder), limit, options)
    except DaemonSilent as silent:
        raise RepaintdError(
            f"{silent}; or say what to compare with: --against DIR, or a Git revision"
        ) from silent
    return PlanReport(plan=found, gallery=gallery, pictures=base)


def _drawn(found: Plan, baseline: Baseline, folder: Path, limit: int, options: Options) -> Gallery:
    configure_logging(sys.stderr, json=None, level="error")
    drawing = draw_pictures(
        found,
        baseline,
        folder,
        limit=limit,
        log=structlog.get_logger(),
        environ=options.environ,
    )
    return asyncio.run(drawing)


def _base(url: str) -> str:
    return f"{url}/" if url and not url.endswith("/") else url
