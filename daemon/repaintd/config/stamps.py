"""Telling without reading whether a file is what it was."""

from __future__ import annotations

# A plain text is the path here, as in `files`: 10,000 files are looked at twice as fast so.
# ruff: noqa: PTH116
import os
from typing import Final

Stamp = tuple[int, int, int, int, int]
"""Times of content and of inode in ns, size, inode, device: equal stamps, equal files."""

_SETTLED_NS: Final = 2_000_000_000
"""File systems count time in steps, of up to two seconds: within one, a file can change unseen."""


def stamp_of(real: str, now_ns: int) -> Stamp | None:
    """The stamp of the file at *real*; None where it tells nothing.

    That is a file that cannot be looked at, and one that was written so shortly before *now_ns*
    (nanoseconds since 1970) that another write could leave the same stamp.
    """
    try:
        found = os.stat(real, follow_symlinks=False)
    except OSError:
        return None
    if now_ns - max(found.st_mtime_ns, found.st_ctime_ns) < _SETTLED_NS:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev
