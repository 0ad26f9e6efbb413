"""Processes as /proc shows them (proc(5)), and signals that cannot hit a stranger."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process; pid and start time together name it for good.

    Attributes:
        state: the letter of proc(5): R, S, D, T (stopped), Z (dead, not reaped) …
        started: clock ticks after boot.
    """

    pid: int
    parent: int
    group: int
    state: str
    started: int

    @property
    def alive(self) -> bool:
        """Whether it can still do anything."""
        return self.state not in "ZX"


def read_process(pid: int) -> Process | None:
    """The process with that pid, or None when there is none."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # the second field is the name in parentheses, and a name may hold spaces and parentheses
    fields = text[text.rindex(")") + 1 :].split()
    return Process(
        pid=pid,
        state=fields[0],
        parent=int(fields[1]),
        group=int(fields[2]),
        started=int(fields[19]),
    )


def still_lives(process: Process) -> bool:
    """Whether that very process, and not one that got its pid later, can still do anything."""
    now = read_process(process.pid)
    return now is not None and now.alive and now.started == process.started


def processes_in(groups: Collection[int]) -> list[Process]:
    """Every process of those process groups, dead ones that nobody reaped included."""
    if not groups:
        return []
    pids = (int(name) for name in os.listdir(PROC) if name.isdecimal())  # noqa: PTH208 - speed
    found = (read_process(pid) for pid in pids)
    return [process for process in found if process is not None and process.group in groups]


def kill(process: Process) -> None:
    """SIGKILL that very process, and never one that got its pid later."""
    with suppress(OSError):
        handle = os.pidfd_open(process.pid)
        try:
            now = read_process(process.pid)
            if now is not None and now.started == process.started:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)


def reap(process: Process) -> None:
    """Take a dead process off the table if it became our child.

    That happens when the daemon is process 1 of a container: orphans of the browser become its
    children, and nobody else would reap them.
    """
    if process.state == "Z" and process.parent == os.getpid():
        with suppress(OSError):
            os.waitpid(process.pid, os.WNOHANG)


def arguments(process: Process) -> list[str]:
    """The command line, empty when it cannot be read.

    Chromium's helpers write theirs with spaces where zero bytes belong.
    """
    try:
        text = (PROC / str(process.pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return text.replace(b"\0", b" ").decode(errors="replace").split()


def is_renderer(process: Process) -> bool:
    """Whether it is one of Chromium's processes that draw pages."""
    return "--type=renderer" in arguments(process)


def status_field(process: Process, name: str) -> int:
    """A number of /proc/PID/status, 0 when it is not there."""
    with suppress(OSError):
        text = (PROC / str(process.pid) / "status").read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            key, _, value = line.partition(":")
            if key == name:
                return int(value.split()[0])
    return 0


def memory_mib(process: Process) -> int:
    """MiB of its own: not counted are files that several processes share."""
    return (status_field(process, "RssAnon") + status_field(process, "RssShmem")) // 1024


def namespace(pid: int | str, kind: str) -> str:
    """The name of the namespace a process is in (`user`, `pid`, `net`); raises OSError."""
    return str((PROC / str(pid) / "ns" / kind).readlink())
