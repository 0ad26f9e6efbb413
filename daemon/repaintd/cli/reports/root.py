"""The root of a repository: what GitHub and SARIF take paths to be relative to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A directory, absolute."""

    directory: Path

    def relative(self, path: Path) -> Path | None:
        """*path* relative to it, None where it lies outside."""
        for form in (os.path.abspath, os.path.realpath):
            here, there = Path(form(self.directory)), Path(form(path))
            if there.is_relative_to(here):
                return there.relative_to(here)
        return None


def find_root(directory: Path, environ: Mapping[str, str]) -> Root:
    """The root for a configuration directory.

    It is $GITHUB_WORKSPACE where that holds the directory, else the Git checkout around the
    directory, else the working directory.
    """
    given = environ.get("GITHUB_WORKSPACE")
    if given:
        workspace = Root(directory=_absolute(Path(given)))
        if workspace.relative(directory) is not None:
            return workspace
    here = _absolute(directory)
    for each in (here, *here.parents):
        if (each / ".git").exists():  # a file in worktrees and submodules
            return Root(directory=each)
    return Root(directory=_absolute(Path.cwd()))


def _absolute(path: Path) -> Path:
    """Absolute and without `..`, symbolic links kept."""
    return Path(os.path.abspath(path))  # noqa: PTH100 (Path.absolute keeps `..`)
