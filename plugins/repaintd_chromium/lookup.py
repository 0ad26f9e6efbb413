"""Which browser to use: the one that is named, else the first that is installed."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from repaintd.plugin import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

AUTO: Final = "auto"
NAMES: Final = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
)
CHANNELS: Final = (Path("/opt/google/chrome/chrome"), Path("/opt/microsoft/msedge/msedge"))
DOWNLOADS: Final = (  # as `playwright install` lays them out, newest layout first
    "chromium_headless_shell-*/*/chrome-headless-shell",
    "chromium_headless_shell-*/*/headless_shell",
    "chromium-*/*/chrome",
)
VERSION_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What is looked at, so that tests can show another machine."""

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    which: Callable[[str], str | None] = shutil.which
    channels: tuple[Path, ...] = CHANNELS

    @property
    def downloads(self) -> Path:
        """Where `playwright install` puts browsers."""
        named = self.environment.get("PLAYWRIGHT_BROWSERS_PATH", "")
        cache = self.environment.get("XDG_CACHE_HOME", "")
        home = self.environment.get("HOME") or str(Path("~").expanduser())
        return Path(named or (Path(cache) if cache else Path(home) / ".cache") / "ms-playwright")

    @property
    def remedy(self) -> str:
        """The one command that installs a browser here."""
        if self.which("apt-get"):
            return "apt-get install -y chromium-headless-shell"
        return "playwright install --only-shell chromium"


def find_browser(choice: str, machine: Machine | None = None) -> Path:
    """The browser's executable.

    Args:
        choice: `render.browser`: `auto`, a path, or a command's name.
        machine: where to look; this machine by default.

    Raises:
        PluginError: there is none; the message holds the command that installs one.
    """
    machine = machine or Machine()
    if choice != AUTO:
        return _named(choice, machine)
    found = next(_installed(machine), None)
    if found is None:
        raise PluginError(
            f"no Chromium is installed (looked for {', '.join(NAMES)}, and in"
            f" {machine.downloads}); run: {machine.remedy}"
        )
    return found


async def read_version(browser: Path) -> str:
    """What `--version` prints, for people; "" when the browser does not answer."""
    process = await asyncio.create_subprocess_exec(
        str(browser),
        "--version",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(VERSION_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return ""
    return output.decode(errors="replace").strip()


def _named(choice: str, machine: Machine) -> Path:
    path = Path(choice) if "/" in choice else Path(machine.which(choice) or choice)
    if not _runs(path):
        raise PluginError(
            f"render.browser names {choice!r}, which is no program that can be run;"
            f" name another, or write `browser: auto` and run: {machine.remedy}",
            status="config_error",
        )
    return path.absolute()


def _installed(machine: Machine) -> Iterator[Path]:
    for pattern in DOWNLOADS:
        found = sorted(machine.downloads.glob(pattern), key=_revision, reverse=True)
        yield from (path for path in found if _runs(path))
    for name in NAMES:
        path = machine.which(name)
        if path and not _is_snap(Path(path)):
            yield Path(path)
    yield from (path for path in machine.channels if _runs(path))


def _revision(path: Path) -> int:
    number = re.search(r"-(\d+)$", path.parent.parent.name)
    return int(number.group(1)) if number else 0


def _is_snap(path: Path) -> bool:
    """Whether it is a snap, or Ubuntu's script that advertises one: neither can be locked in."""
    if path.resolve().name == "snap":
        return True
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError:
        return False
    return start.startswith(b"#!") and b"snap" in start


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
