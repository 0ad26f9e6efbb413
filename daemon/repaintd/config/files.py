"""Reading files of the configuration directory: beneath its real root, whole, and bounded."""

# Paths are plain texts here: 10,000 files load twice as fast so.
# ruff: noqa: PTH112, PTH116, PTH118

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from repaintd.config import limits
from repaintd.config.problem import Problem
from repaintd.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from repaintd.config.problem import Report

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_MOVED: Final = frozenset({errno.ENOENT, errno.ELOOP, errno.ENOTDIR})


class FileRefused(Exception):
    """A file or folder that cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder below the root.

    Attributes:
        relative: to the configuration directory, with `/`.
        real: absolute path without symbolic links in it.
    """

    relative: str
    real: str

    @property
    def name(self) -> str:
        """The last part."""
        return self.relative.rpartition("/")[2]


class Tree:
    """The configuration directory. It may itself be a symbolic link, or hang together by them."""

    def __init__(self, directory: Path) -> None:
        self._root = os.path.realpath(directory)
        if not os.path.isdir(self._root):
            message = "is not a directory; name one with --config"
            raise ConfigurationError([Problem(file=str(directory), message=message)])

    def entry(self, relative: str) -> Entry | None:
        """The file or folder at *relative*, None where there is none.

        Raises:
            FileRefused: it lies outside of the configuration directory.
        """
        if not self.holds(relative):
            return None
        return Entry(relative, self._beneath(os.path.join(self._root, relative)))

    def holds(self, relative: str) -> bool:
        """Whether there is anything at *relative*."""
        return os.path.lexists(os.path.join(self._root, relative))

    def listing(self, folder: Entry, report: Report) -> list[tuple[Entry, bool]]:
        """What lies in *folder*, sorted, hidden names left out; True beside the folders."""
        found: list[tuple[Entry, bool]] = []
        try:
            with os.scandir(folder.real) as entries:
                for each in entries:
                    if len(found) > limits.TREE_ENTRIES:
                        break
                    if not each.name.startswith("."):
                        self._list(folder, each, found, report)
        except OSError as error:
            report.add(Problem(file=folder.relative, message=unreadable(error)))
        return sorted(found, key=lambda item: item[0].relative)

    def walk(self, folder: Entry, report: Report) -> Iterator[Entry]:
        """Every file below *folder*, sorted within each folder; stops at the limits."""
        left = limits.TREE_ENTRIES
        pending = [(folder, 0)]
        while pending:
            here, depth = pending.pop()
            if depth > limits.TREE_DEPTH:
                report.add(Problem(file=here.relative, message=_TOO_DEEP))
                continue
            listing = self.listing(here, report)
            left -= len(listing)
            if left < 0:
                report.add(Problem(file=here.relative, message=_TOO_MANY))
                return
            yield from (entry for entry, is_folder in listing if not is_folder)
            folders = [(entry, depth + 1) for entry, is_folder in listing if is_folder]
            pending.extend(reversed(folders))

    def _list(
        self,
        folder: Entry,
        each: os.DirEntry[str],
        found: list[tuple[Entry, bool]],
        report: Report,
    ) -> None:
        relative = f"{folder.relative}/{each.name}"
        try:
            real = self._beneath(each.path) if each.is_symlink() else f"{folder.real}/{each.name}"
            relative.encode()
            is_folder = each.is_dir()
        except OSError as error:
            report.add(Problem(file=relative, message=unreadable(error)))
        except FileRefused as refused:
            report.add(Problem(file=relative, message=str(refused)))
        except UnicodeEncodeError:
            report.add(Problem(file=relative, message="has a name that is not UTF-8; rename it"))
        else:
            found.append((Entry(relative, real), is_folder))

    def _beneath(self, path: str) -> str:
        real = os.path.realpath(path)
        if os.path.commonpath((self._root, real)) != self._root:
            raise FileRefused(
                "is a symbolic link out of the configuration directory; put the file itself here"
            )
        return real


def read_file(real: str, most: int, *, read: Callable[[int, int], bytes] = os.read) -> bytes:
    """The bytes of the regular file at *real*, as they were at one instant.

    Args:
        real: a path without symbolic links.
        most: bytes; more are refused.
        read: takes descriptor and size, returns the bytes.

    Raises:
        FileRefused: it is gone, unreadable, too large, no regular file, or never holds still.
    """
    for _ in range(limits.READ_ATTEMPTS):
        try:
            body = _read_once(real, most, read)
        except OSError as error:
            if error.errno not in _MOVED:
                raise FileRefused(unreadable(error)) from error
            body = None
        if body is not None:
            return body
    if os.path.lexists(real):
        raise FileRefused("changes while it is read; load again when its writer is done")
    raise FileRefused("is not there, or is a symbolic link to nothing; put it back")


def _read_once(real: str, most: int, read: Callable[[int, int], bytes]) -> bytes | None:
    descriptor = os.open(real, _FLAGS)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise FileRefused("is not a regular file; remove it")
        if before.st_size > most:
            raise FileRefused(f"is {before.st_size:,} bytes; at most {most:,} are allowed")
        body = read(descriptor, before.st_size + 1)
    finally:
        os.close(descriptor)
    after = os.stat(real, follow_symlinks=False)  # by path: a rename shows too
    return body if _same(before, after) and len(body) == before.st_size else None


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_mtime_ns, one.st_size, one.st_ino, one.st_dev) == (
        other.st_mtime_ns,
        other.st_size,
        other.st_ino,
        other.st_dev,
    )


def unreadable(error: OSError) -> str:
    """Why the system refuses, and what helps."""
    denied = error.errno in {errno.EACCES, errno.EPERM}
    remedy = "give the daemon's user read access" if denied else "mend it, or remove it"
    return f"cannot be read: {error.strerror}; {remedy}"


_TOO_DEEP = (
    f"is more than {limits.TREE_DEPTH} folders deep; make the tree flatter, "
    "or remove a symbolic link that leads back"
)
_TOO_MANY = f"brings the tree to more than {limits.TREE_ENTRIES:,} entries; remove some"
