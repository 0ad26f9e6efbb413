"""Is told by the kernel when the configuration directory changes, however that is done.

Directories are watched, never files: a file that is replaced takes its watch with it. Whatever is
missed here is found by looking (`repaintd.runtime.reload`).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, NoReturn

from watchfiles import awatch

from repaintd.runtime.trail import trail_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from watchfiles import Change

    from repaintd.runtime.trail import Trail

    Wanted = Callable[[Change, str], bool]

GATHER_MS: Final = 200
STEP_MS: Final = 50
SHORTLY: Final = 0.2


class Watcher:
    """Watches one directory.

    Args:
        notice: called when something may have changed; cheap, may be called too often.
        again: seconds after which a watch that could not be set up is tried again.
    """

    def __init__(
        self, directory: Path, *, notice: Callable[[], None], log: Any, again: float = 30.0
    ) -> None:
        self._directory = directory
        self._notice = notice
        self._log = log
        self._again = again
        self._complained = False

    async def serve(self) -> NoReturn:
        """Watch for ever. Run it as a named task."""
        logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it counts every change aloud
        while True:
            trail = await asyncio.to_thread(trail_of, self._directory)
            try:
                await self._watch(trail)
            except* _Moved:
                self._notice()
            except* FileNotFoundError:
                await asyncio.sleep(SHORTLY)  # swapped just now
            except* (OSError, RuntimeError) as group:
                self._complain(group.exceptions[0])
                await asyncio.sleep(self._again)

    async def _watch(self, trail: Trail) -> None:
        """Until something on the way to the tree has been swapped."""
        stop = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._look(trail), name="watch:trail")
                if trail.tree is not None:
                    content = self._follow([trail.tree], trail, stop, recursive=True)
                    tasks.create_task(content, name="watch:tree")
                way = self._follow(trail.porches, trail, stop, recursive=False)
                tasks.create_task(way, name="watch:doors")
        finally:
            stop.set()

    async def _follow(
        self, paths: Collection[str], trail: Trail, stop: asyncio.Event, *, recursive: bool
    ) -> None:
        wanted = _beside_git(trail) if recursive else _doors(trail)
        async for _ in awatch(
            *paths,
            watch_filter=wanted,
            debounce=GATHER_MS,
            step=STEP_MS,
            stop_event=stop,
            recursive=recursive,
            ignore_permission_denied=True,
        ):
            self._complained = False
            self._notice()
            await self._compare(trail)

    async def _look(self, trail: Trail) -> None:
        """Find swaps higher up on the way, which nobody tells of."""
        while True:
            await self._compare(trail)
            await asyncio.sleep(self._again)

    async def _compare(self, trail: Trail) -> None:
        if await asyncio.to_thread(trail_of, self._directory) != trail:
            raise _Moved

    def _complain(self, error: Exception) -> None:
        say = self._log.debug if self._complained else self._log.warning
        self._complained = True
        say(
            "the configuration cannot be watched; it is looked at now and then instead",
            directory=str(self._directory),
            why=str(error) or type(error).__name__,
        )


class _Moved(Exception):
    """The path leads elsewhere now."""


def _doors(trail: Trail) -> Wanted:
    return lambda _change, path: path in trail.doors


def _beside_git(trail: Trail) -> Wanted:
    """All but the inner life of a repository whose work tree this is."""
    length = len(trail.tree or "")
    return lambda _change, path: ".git" not in path[length:].split("/")
