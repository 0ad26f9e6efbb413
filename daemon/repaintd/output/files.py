"""The blocking part: puts files in place and takes them away. Run it in threads.

Every name is resolved beneath an open directory and never through a symbolic link, so nobody who
can write there can make the daemon write or remove something elsewhere.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, Final

import structlog

from repaintd.output import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

log = structlog.get_logger("repaintd.output")

Identity = tuple[int, int, int]
"""Inode, time of change of content in nanoseconds, size: another file or content has another."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_SYNC: Final = (errno.EINVAL, errno.ENOTSUP)


class Attempt:
    """One publication; its caller may give up while the thread still works.

    Attributes:
        abandoned: nothing is put in place any more.
    """

    __slots__ = ("abandoned",)

    def __init__(self) -> None:
        self.abandoned = False

    def check(self) -> None:
        """Raise TimeoutError when the caller has given up."""
        if self.abandoned:
            raise TimeoutError(errno.ETIMEDOUT, "given up")


def identity(status: os.stat_result) -> Identity:
    """What tells this content of this file from any other."""
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def replace(
    directory: Path, uid: str, filename: str, body: bytes, attempt: Attempt
) -> Identity | None:
    """Put *body* in place as *filename*; None when these very bytes are there already.

    Raises:
        OSError: the old file is still whole and in place, and no temporary file is left.
    """
    with _opened(directory) as folder:
        if _holds(folder, filename, body):
            return None
        temporary = names.temporary(uid)
        try:
            written = _write(folder, temporary, body)
            attempt.check()
            os.rename(temporary, filename, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise
        _sync(folder)
        return written


def remove(directory: Path, filenames: Iterable[str]) -> list[str]:
    """Remove regular files; return those that are still there."""
    with _opened(directory) as folder:
        kept = [filename for filename in filenames if not _removed(folder, filename)]
        _sync(folder)
        return kept


def sweep(directory: Path) -> int:
    """Remove unfinished images that an earlier life left, and say how many."""
    with os.scandir(directory) as entries:
        left = [
            each.name
            for each in entries
            if names.is_temporary(each.name) and each.is_file(follow_symlinks=False)
        ]
    return len(left) - len(remove(directory, left)) if left else 0


def try_writing(directory: Path) -> None:
    """Make *directory* if need be and write a file there.

    Raises:
        OSError: that cannot be done.
    """
    with _opened(directory) as folder:
        temporary = names.temporary("probe")
        os.close(os.open(temporary, _CREATE, 0o600, dir_fd=folder))
        os.unlink(temporary, dir_fd=folder)


def present(directory: Path) -> dict[str, int]:
    """All regular files in *directory* by name, with their sizes in bytes.

    Raises:
        OSError: it cannot be listed.
    """
    found: dict[str, int] = {}
    with os.scandir(directory) as entries:
        for each in entries:
            with contextlib.suppress(FileNotFoundError):  # unfinished images come and go
                if each.is_file(follow_symlinks=False):
                    found[each.name] = each.stat(follow_symlinks=False).st_size
    return found


@contextlib.contextmanager
def _opened(directory: Path) -> Iterator[int]:
    """The directory as it is now, made anew when somebody removed it."""
    try:
        folder = os.open(directory, _FOLDER)
    except FileNotFoundError:
        directory.mkdir(parents=True, exist_ok=True)
        folder = os.open(directory, _FOLDER)
    try:
        yield folder
    finally:
        os.close(folder)


def _holds(folder: int, filename: str, body: bytes) -> bool:
    """Whether *filename* has exactly these bytes; nothing but a regular file may be there."""
    try:
        status = os.stat(filename, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EEXIST, "it is no regular file")
    return status.st_size == len(body) and _read(folder, filename) == body


def _read(folder: int, filename: str) -> bytes | None:
    try:
        with os.fdopen(os.open(filename, _READ, dir_fd=folder), "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        # Whatever cannot be read is replaced: that needs no permission to read.
        return None


def _write(folder: int, name: str, body: bytes) -> Identity:
    descriptor = os.open(name, _CREATE, 0o644, dir_fd=folder)
    try:
        rest = memoryview(body)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
        return identity(os.fstat(descriptor))
    finally:
        os.close(descriptor)


def _removed(folder: int, filename: str) -> bool:
    try:
        status = os.stat(filename, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            os.unlink(filename, dir_fd=folder)
    except FileNotFoundError:
        return True
    except OSError as exc:
        log.warning("file cannot be removed", file=filename, why=exc.strerror)
        return False
    return True


def _sync(folder: int) -> None:
    """Make renames durable. They have happened: a failure here cannot undo them."""
    try:
        os.fsync(folder)
    except OSError as exc:
        if exc.errno not in _NO_SYNC:
            log.warning("output directory cannot be synced", why=exc.strerror)
