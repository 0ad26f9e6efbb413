"""Where finished lines go."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

_PRIORITIES: Final = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
"""Levels as syslog numbers them (sd-daemon(3))."""


class Sink:
    """Writes whole lines to one stream, from any thread.

    A stream that is closed or full is no reason to fail: logging never stops the work.
    """

    def __init__(self, stream: TextIO, *, priorities: bool) -> None:
        self._stream = stream
        self._priorities = priorities
        self._lock = threading.Lock()

    def write(self, line: str, level: str) -> None:
        """Write *line*; for the journal, each of its lines bears the priority of *level*."""
        if self._priorities:
            prefix = f"<{_PRIORITIES.get(level, 6)}>"
            line = prefix + line.replace("\n", f"\n{prefix}")
        with self._lock, contextlib.suppress(OSError, ValueError):
            try:
                self._stream.write(line + "\n")
            except UnicodeEncodeError:
                self._stream.write(line.encode("ascii", "backslashreplace").decode() + "\n")
            self._stream.flush()


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether *stream* leads to systemd's journal: `$JOURNAL_STREAM` names its device and inode."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))
