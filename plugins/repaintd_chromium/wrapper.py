"""The two scripts that driver and browser are started through.

They exist because Playwright starts its driver with the daemon's whole environment, secrets
included, and because nobody but the started process itself can say early enough which pid it has.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# an empty network namespace: nothing a page asks for can leave the machine. The mapped user is
# nobody in its own user namespace, so Chromium's sandbox works even when the daemon is root.
UNSHARE: Final = ("unshare", "--user", "--net", "--map-user=65534", "--map-group=65534")

# of the daemon's environment only what finds programs, libraries and fonts
KEPT: Final = ("PATH", "LD_LIBRARY_PATH", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "NODE_OPTIONS")


def clean_environment(home: Path, temporary: Path, source: Mapping[str, str]) -> dict[str, str]:
    """The environment of driver and browser: no secrets, no sockets of systemd, UTC."""
    kept = {name: source[name] for name in KEPT if name in source}
    return {
        "PATH": os.defpath,
        **kept,
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }


def browser_script(browser: Path, pid_file: Path, *, sandboxed: bool) -> str:
    """Starts the browser, without network where user namespaces are allowed."""
    command = [*UNSHARE, "--", str(browser)] if sandboxed else [str(browser)]
    return f'#!/bin/sh\necho $$ > {shlex.quote(str(pid_file))}\nexec {shlex.join(command)} "$@"\n'


def driver_script(node: str, pid_file: Path, log_file: Path, environment: Mapping[str, str]) -> str:
    """Starts the driver in a session of its own: Ctrl-C at a terminal is the daemon's alone."""
    settings = [f"{name}={value}" for name, value in environment.items()]
    inner = (
        f"echo $$ > {shlex.quote(str(pid_file))};"
        f' exec {shlex.join(["env", "-i", *settings, node])} "$@" 2> {shlex.quote(str(log_file))}'
    )
    return f'#!/bin/sh\nexec setsid /bin/sh -c {shlex.quote(inner)} sh "$@"\n'


def write_scripts(scripts: Sequence[tuple[Path, str]]) -> None:
    """Write each script so that only the owner can read, write and run it."""
    for path, text in scripts:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
