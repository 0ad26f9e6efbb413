"""`repaintd run`: the daemon."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click
import structlog

from repaintd.app import load, run_daemon
from repaintd.cli.context import configured
from repaintd.logs import configure_logging
from repaintd.logs.setup import LEVELS

if TYPE_CHECKING:
    from repaintd.app import Options


@click.command()
@configured
@click.option(
    "--log-level", type=click.Choice(LEVELS), default="info", show_default=True, help="Least level."
)
@click.option(
    "--log-format",
    type=click.Choice(("auto", "json", "console")),
    default="auto",
    show_default=True,
    help="auto: for people on a terminal, JSON elsewhere.",
)
@click.option("--allow-empty", is_flag=True, help="A configuration without bindings means it.")
def run(options: Options, log_level: str, log_format: str, *, allow_empty: bool) -> None:
    """Run the daemon until SIGTERM or SIGINT; a second signal kills.

    Changes of the configuration are found by themselves; SIGHUP reads it again at once. One that
    is not valid changes nothing but the log, an event and a gauge.
    """
    as_json = None if log_format == "auto" else log_format == "json"
    configure_logging(sys.stdout, json=as_json, level=log_level)
    loaded = load(replace(options, allow_empty=allow_empty))
    log = structlog.get_logger("repaintd")
    for warning in loaded.configuration.warnings:
        log.warning("configuration", problem=str(warning))
    daemon = run_daemon(loaded, log=log, environ=options.environ, announce=_announce)
    del loaded  # a reload replaces it
    asyncio.run(daemon)


def _announce(url: str, output: str) -> None:
    """Tell a person at the terminal where the images are; others have the log."""
    if sys.stdout.isatty():
        click.secho(f"\n  images  {output}/\n  served  {url}/b/<uid>.<ext>\n", bold=True)
