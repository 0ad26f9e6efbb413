"""Names in the output directory: the only ones that are read, written or removed."""

from __future__ import annotations

import re
import secrets
import sys
from typing import Final

_UID: Final = r"[a-z0-9][a-z0-9._-]{0,63}"
_IMAGE: Final = re.compile(rf"{_UID}\.[a-z0-9]{{1,8}}")
_TEMPORARY: Final = re.compile(rf"\.{_UID}\.[0-9a-f]{{16}}\.tmp")
_EXTENSION: Final = re.compile(r"[a-z0-9]{1,8}")


def is_image(name: str) -> bool:
    """Whether *name* can be that of a stable file: no path, not hidden, lower case."""
    return _IMAGE.fullmatch(name) is not None


def is_temporary(name: str) -> bool:
    """Whether *name* is one that `temporary` makes."""
    return _TEMPORARY.fullmatch(name) is not None


def temporary(uid: str) -> str:
    """A name for an unfinished image of *uid*, unlike any other."""
    return f".{uid}.{secrets.token_hex(8)}.tmp"


def extension(uid: str, filename: str) -> str | None:
    """`png` for `<uid>.png`; None when *filename* is not a stable file of *uid*."""
    start, dot, rest = filename.rpartition(".")
    if dot and start == uid and _EXTENSION.fullmatch(rest) and is_image(filename):
        return sys.intern(rest)
    return None
