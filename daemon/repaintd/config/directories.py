"""Where images and state lie: argument, then environment, then setting (DESIGN 2.3)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.config.settings import Settings


def output_path(
    configuration: Path, settings: Settings, given: Path | None, environ: Mapping[str, str]
) -> Path:
    """The absolute output directory.

    The argument and $REPAINTD_OUTPUT_DIR are relative to the working directory, the setting to the
    parent of the *configuration* directory.
    """
    chosen = given or _path(environ.get("REPAINTD_OUTPUT_DIR"))
    return _absolute(chosen or _parent(configuration) / settings.output.directory)


def state_path(
    configuration: Path, settings: Settings, given: Path | None, environ: Mapping[str, str]
) -> Path:
    """The absolute state directory; systemd's $STATE_DIRECTORY comes before the setting."""
    # systemd.exec(5): several directories are separated by colons; the first is ours.
    of_systemd = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    chosen = given or _path(environ.get("REPAINTD_STATE_DIR")) or _path(of_systemd)
    return _absolute(chosen or _parent(configuration) / settings.state.directory)


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _parent(configuration: Path) -> Path:
    return _absolute(configuration).parent


def _absolute(path: Path) -> Path:
    """Absolute and without `..`, but with symbolic links kept: they are how trees are switched."""
    return Path(os.path.abspath(path))  # noqa: PTH100 (Path.absolute keeps `..`)
