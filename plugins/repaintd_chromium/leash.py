"""The hold on all processes of one browser generation."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from repaintd_chromium.processes import Process, kill, processes_in, read_process, reap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOOK_SECONDS: Final = 0.02


class Leash:
    """Knows the process groups of driver and browser, and ends them for good.

    Each of the two leads a process group and has its pid written down by its script
    (`wrapper`) before it does anything else, so that even a browser that never answered can be
    killed. Zygotes and renderers stay in the group when their parents die.

    Args:
        driver: file that holds the pid of the driver, our child, which asyncio reaps.
        browser: file that holds the pid of the browser.
    """

    def __init__(self, *, driver: Path, browser: Path) -> None:
        self._pid_files = {"driver": driver, "browser": browser}
        self._groups: set[int] = set()
        self._handles: list[int] = []
        self._slipped = False

    def members(self) -> list[Process]:
        """Every process of the generation that /proc shows now."""
        self._learn()
        return processes_in(self._groups)

    def watch(self, on_death: Callable[[str], None]) -> None:
        """Call *on_death* with `driver` or `browser` as soon as one of them has ended."""
        loop = asyncio.get_running_loop()
        for name, pid_file in self._pid_files.items():
            with suppress(OSError):  # an old kernel: the calls that fail will tell
                handle = os.pidfd_open(_read_pid(pid_file))
                self._handles.append(handle)
                loop.add_reader(handle, on_death, name)

    def kill(self) -> None:
        """SIGKILL every process of the generation."""
        self._unwatch()
        if not self._slipped:
            for process in self.members():
                kill(process)

    async def gone(self, seconds: float) -> bool:
        """Kill until nothing is left; False when something is still there after *seconds*."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not self._slipped:
            self.kill()
            members = self.members()
            self._reap(members)
            if not any(process.alive for process in members):
                self._slipped = True  # from now on the numbers may be given to strangers
            elif loop.time() > deadline:
                break
            else:
                await asyncio.sleep(LOOK_SECONDS)
        return self._slipped

    def _learn(self) -> None:
        if self._slipped:
            return
        for pid_file in self._pid_files.values():
            pid = _read_pid(pid_file)
            leader = read_process(pid)
            if pid > 0 and (leader is None or leader.group == pid):
                self._groups.add(pid)

    def _reap(self, members: list[Process]) -> None:
        driver = _read_pid(self._pid_files["driver"])
        for process in members:
            if process.pid != driver:
                reap(process)

    def _unwatch(self) -> None:
        loop = asyncio.get_running_loop()
        for handle in self._handles:
            loop.remove_reader(handle)
            os.close(handle)
        self._handles.clear()


def _read_pid(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return -1
