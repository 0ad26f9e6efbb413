"""`repaintd render`: one image, once, without a daemon."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson
import structlog

from repaintd.app import load, render_once
from repaintd.cli.context import configured
from repaintd.core.template import MISSING
from repaintd.errors import RefreshFailed
from repaintd.logs import configure_logging

if TYPE_CHECKING:
    from repaintd.app import Options


@click.command()
@configured
@click.argument("uid")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A JSON file to map instead of asking the source.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the image (default: <uid>.<ext> here).",
)
def render(options: Options, uid: str, data: Path | None, output: Path | None) -> None:
    """Draw the image of binding UID once. Neither state nor the published image is touched."""
    configure_logging(sys.stderr, json=None, level="warning")
    loaded = load(options)
    document = _read(data) if data is not None else MISSING
    try:
        drawn = asyncio.run(
            render_once(loaded, uid, document, log=structlog.get_logger(), environ=options.environ)
        )
    except RefreshFailed as failure:
        raise click.ClickException(f"{uid}: {failure.stage} failed: {failure}") from failure
    target = output or Path(loaded.configuration.bindings[uid].filename)
    try:
        target.write_bytes(drawn.image.body)
    except OSError as error:
        raise click.ClickException(f"{target}: {error.strerror}") from error
    for fallback in drawn.fallbacks:
        click.echo(f"{fallback.variable}: {fallback.reason}; used {fallback.used}", err=True)
    click.echo(
        f"{target} ({drawn.image.width} by {drawn.image.height}, {len(drawn.image.body)} bytes)"
    )


def _read(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise click.ClickException(f"{path}:{error.lineno}:{error.colno}: {error.msg}") from error
