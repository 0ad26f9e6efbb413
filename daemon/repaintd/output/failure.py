"""What an error of the file system means for a publication."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from repaintd.errors import PublishFailed

if TYPE_CHECKING:
    from pathlib import Path

_DISK_FULL: Final = ("disk_full", "free space on its disk or raise the quota")
_PERMISSION: Final = ("permission", "make the directory writable for the daemon's user")
_IN_THE_WAY: Final = ("in_the_way", "something there is no regular file: move it away")
_TIMEOUT: Final = ("timeout", "look for errors of the disk or of the network file system")

_MEANINGS: Final = {
    errno.ENOSPC: _DISK_FULL,
    errno.EDQUOT: _DISK_FULL,
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EROFS: ("read_only", "mount the file system writable or choose another directory"),
    errno.EISDIR: _IN_THE_WAY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
    errno.ENOTEMPTY: _IN_THE_WAY,
    errno.ELOOP: _IN_THE_WAY,
    errno.EFBIG: ("too_large", "raise the limit of file sizes (ulimit -f, LimitFSIZE=)"),
    errno.EMFILE: ("file_limit", "raise the limit of open files (ulimit -n, LimitNOFILE=)"),
    errno.ENFILE: ("file_limit", "raise the limit of open files of the machine (fs.file-max)"),
    errno.ETIMEDOUT: _TIMEOUT,
}
_OTHER: Final = ("io", "look for disk errors in the kernel's log")

REASONS: Final = frozenset(reason for reason, _ in (*_MEANINGS.values(), _OTHER)) | {
    "name",
    "empty",
}
"""Every `reason` of a PublishFailed raised here."""


def publish_failed(path: Path, exc: OSError) -> PublishFailed:
    """The error for a stable file at *path* that could not be replaced."""
    reason, remedy = _MEANINGS.get(exc.errno or 0, _OTHER)
    why = exc.strerror or str(exc)
    return PublishFailed(f"cannot replace {path} ({why}): {remedy}", reason=reason)


def too_slow(path: Path, deadline: float) -> PublishFailed:
    """The error for a disk that does not answer."""
    reason, remedy = _TIMEOUT
    return PublishFailed(
        f"cannot replace {path} (no answer within {deadline:g} s): {remedy}", reason=reason
    )
