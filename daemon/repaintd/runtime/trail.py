"""How a path leads to the configuration: every name on the way that can be made to lead elsewhere.

Kubernetes swaps a link within the directory, git-sync one that leads to it, people the directory
itself. Whoever watches only what a path leads to now misses the second swap.
"""

# Paths are plain texts here, as in `repaintd.config.files`.
# ruff: noqa: PTH100, PTH112, PTH114, PTH115, PTH116, PTH118, PTH120

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_MOST_LINKS: Final = 40
"""As the kernel has it; what leads further leads nowhere."""


@dataclass(frozen=True, slots=True)
class Trail:
    """Where a path leads just now. Another trail means that something was swapped.

    Attributes:
        tree: the directory itself, without links in its path; None where there is none.
        doors: real paths of all names on the way that are links, and of the directory.
        identity: device and inode of `tree`, then of the directories that hold the doors.
    """

    tree: str | None
    doors: frozenset[str]
    identity: tuple[tuple[int, int] | None, ...]

    @property
    def porches(self) -> tuple[str, ...]:
        """The directories that hold the doors, as far as there are any."""
        return tuple(sorted({os.path.dirname(each) for each in self.doors} - {""}))


def trail_of(directory: Path) -> Trail:
    """Follow *directory*; blocks as long as the disk does."""
    doors: set[str] = set()
    end = _follow(os.path.abspath(directory), doors)
    tree = end if end is not None and os.path.isdir(end) else None
    porches = sorted({os.path.dirname(each) for each in doors})
    places = ([tree] if tree else []) + porches
    return Trail(tree, frozenset(doors), tuple(_identity(each) for each in places))


def _follow(path: str, doors: set[str]) -> str | None:
    """The real path at the end; None where it does not lead anywhere."""
    here, ahead, links = "/", _names(path), 0
    while ahead:
        name = ahead.pop(0)
        if name == "..":
            here = os.path.dirname(here)
            continue
        here = os.path.join(here, name)
        if not os.path.islink(here):
            continue
        doors.add(here)
        links += 1
        if links > _MOST_LINKS:
            return None
        try:
            target = os.readlink(here)
        except OSError:  # swapped this very moment
            return None
        ahead = _names(target) + ahead
        here = "/" if target.startswith("/") else os.path.dirname(here)
    doors.add(here)
    return here


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
