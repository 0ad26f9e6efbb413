"""Whether the browser can be, and is, locked in (DESIGN section 5)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from repaintd_chromium.processes import (
    PROC,
    Process,
    arguments,
    is_renderer,
    namespace,
    status_field,
    still_lives,
)
from repaintd_chromium.wrapper import UNSHARE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

TRY_SECONDS: Final = 10.0
OVERRIDE: Final = "render.allowUnsandboxed: true accepts the risk"
NOT_SEEN: Final = "the browser's processes cannot be seen in /proc"
# so reads, for a moment, a renderer that has just been forked: namespaces first, then the filter
NO_FILTER: Final = "a renderer has no seccomp filter of its own"

# kernel switches that forbid user namespaces: file, value that forbids, how to allow
SWITCHES: Final = (
    ("sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    (
        "sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    ("sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"),
    ("sys/user/max_net_namespaces", "0", "sysctl -w user.max_net_namespaces=15000"),
)


async def why_no_namespaces(command: Sequence[str] = UNSHARE, proc: Path = PROC) -> str:
    """Try to make the browser's namespaces; "" when that works, else why not and what to do."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            "--",
            "true",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        return f"`{command[0]}` cannot be run ({error}); run: apt-get install -y util-linux"
    try:
        async with asyncio.timeout(TRY_SECONDS):
            _, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"`{' '.join(command)}` did not end within {TRY_SECONDS:.0f} s"
    if process.returncode == 0:
        return ""
    said = errors.decode(errors="replace").strip() or f"exit status {process.returncode}"
    return f"user namespaces are forbidden here ({said}); {_remedy(proc)}"


def remedy(proc: Path = PROC) -> str:
    """The one command that allows user namespaces here, as far as the kernel tells."""
    for name, forbidding, command in SWITCHES:
        with suppress(OSError):
            if (proc / name).read_text(encoding="ascii").strip() == forbidding:
                return command
    return ""


def _remedy(proc: Path) -> str:
    command = remedy(proc)
    if command:
        return f"run: {command}"
    return (
        "in a container, allow them (Docker: --security-opt seccomp=… with clone and unshare,"
        " systemd: RestrictNamespaces=user pid net)"
    )


def why_not_sandboxed(processes: Iterable[Process], me: int | str = "self") -> str:
    """Look at a running browser through /proc; "" when it is locked in, else what is open.

    Proven for every process that draws pages: it has a user, pid and network namespace of its
    own, not the daemon's, user and pid not the browser's either, and at least one seccomp filter
    more than the browser. Nothing was started with --no-sandbox.

    A verdict on a browser that lives is final, but for NO_FILTER.
    """
    living = {process.pid: process for process in processes if process.alive}
    if any("--no-sandbox" in arguments(process) for process in living.values()):
        return "a process of the browser runs with --no-sandbox"
    proven = False
    for renderer in filter(is_renderer, living.values()):
        why = _why_open(renderer, living, me)
        if not still_lives(renderer):  # what was read may be anything
            continue
        if why:
            return why
        proven = True
    return "" if proven else NOT_SEEN


def _why_open(renderer: Process, living: Mapping[int, Process], me: int | str) -> str:
    browser = _browser_of(renderer, living)
    if browser is None:
        return NOT_SEEN
    try:
        return _compare(browser, renderer, me)
    except OSError as error:
        return f"the namespaces of the browser's processes cannot be read: {error}"


def _compare(browser: Process, renderer: Process, me: int | str) -> str:
    if namespace(browser.pid, "net") == namespace(me, "net"):
        return "the browser shares the daemon's network"
    for kind in ("user", "pid", "net"):
        if namespace(renderer.pid, kind) == namespace(me, kind):
            return f"a renderer shares the daemon's {kind} namespace"
    for kind in ("user", "pid"):
        if namespace(renderer.pid, kind) == namespace(browser.pid, kind):
            return f"a renderer shares the browser's {kind} namespace"
    if status_field(renderer, "Seccomp_filters") <= status_field(browser, "Seccomp_filters"):
        return NO_FILTER
    return ""


def _browser_of(renderer: Process, living: Mapping[int, Process]) -> Process | None:
    """The nearest ancestor that is none of the browser's helpers (`--type=…`): their browser.

    Neither its switches nor its place among the pids tell the browser from others: renderers, and
    what was forked a moment ago, have the same switches, and pids start again from the lowest.
    """
    ancestor = living.get(renderer.parent)
    while ancestor is not None:
        words = arguments(ancestor)
        if not any(word.startswith("--type=") for word in words):
            return ancestor if "--remote-debugging-pipe" in words else None
        ancestor = living.get(ancestor.parent)
    return None
