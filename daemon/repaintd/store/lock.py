"""One daemon per state directory."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from typing import TYPE_CHECKING, Final

from repaintd.errors import StartupFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_BUSY: Final = (errno.EWOULDBLOCK, errno.EACCES)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold *directory* for this process; the kernel lets go when the process ends, however.

    Raises:
        StartupFailed: another daemon holds it, or the file system knows no locks.
    """
    path = directory / "lock"
    try:
        descriptor = os.open(path, _FLAGS, 0o600)
    except OSError as exc:
        raise StartupFailed(
            f"cannot open {path}: {exc.strerror}; give the daemon's user write "
            "permission there or choose another state directory"
        ) from exc
    try:
        _take(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        raise _refusal(descriptor, path, exc) from exc
    # A full disk must not keep the daemon down: the number only serves the message above.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _refusal(descriptor: int, path: Path, exc: OSError) -> StartupFailed:
    if exc.errno not in _BUSY:
        return StartupFailed(
            f"cannot lock {path}: {exc.strerror}; the state directory must be on "
            "a local file system"
        )
    owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
    return StartupFailed(
        f"another repaintd (pid {owner}) uses {path.parent}; stop it, or give "
        "this one a state directory of its own"
    )
