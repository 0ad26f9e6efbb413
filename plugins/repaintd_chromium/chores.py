"""Background work that nobody waits for, and that nobody forgets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Chores:
    """Named tasks with deadlines; none of them outlives `close`."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()

    def add(
        self,
        work: Callable[[], Coroutine[Any, Any, object]],
        *,
        name: str,
        seconds: float,
        otherwise: Callable[[], None] | None = None,
    ) -> None:
        """Do *work* within *seconds*; when it does not end in time, call *otherwise*."""
        task = asyncio.create_task(self._do(work, name, seconds, otherwise), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel what still runs, and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _do(
        self,
        work: Callable[[], Coroutine[Any, Any, object]],
        name: str,
        seconds: float,
        otherwise: Callable[[], None] | None,
    ) -> None:
        try:
            async with asyncio.timeout(seconds):
                await work()
        except TimeoutError:
            self._log.debug("background work took too long", work=name, seconds=seconds)
            if otherwise is not None:
                otherwise()
        except Exception as error:  # noqa: BLE001 - nobody awaits a chore, so it is told here
            self._log.debug("background work failed", work=name, error=repr(error)[:300])
