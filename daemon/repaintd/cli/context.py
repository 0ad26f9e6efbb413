"""What all commands share: the configuration directory, and where output and state go."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repaintd import __version__
from repaintd.app import Options

if TYPE_CHECKING:
    from collections.abc import Callable

_DIRECTORY = click.Path(path_type=Path)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="repaintd")
def root() -> None:
    """Keep images in step with the data they show."""


def configured(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name its directories; it takes them as one `Options`."""

    @click.option(
        "--config",
        "config",
        type=_DIRECTORY,
        help="Configuration directory (default: $CONFIGURATION_DIRECTORY, else ./config).",
    )
    @click.option("--output-dir", type=_DIRECTORY, help="Where images go; overrides the settings.")
    @click.option("--state-dir", type=_DIRECTORY, help="Where state goes; overrides the settings.")
    @functools.wraps(command)
    def wrapped(
        *, config: Path | None, output_dir: Path | None, state_dir: Path | None, **rest: Any
    ) -> None:
        options = Options(
            directory=config or _default_directory(),
            output_dir=output_dir,
            state_dir=state_dir,
        )
        command(options, **rest)

    return wrapped


def _default_directory() -> Path:
    named = os.environ.get("CONFIGURATION_DIRECTORY", "").partition(":")[0]
    return Path(named or "config")
