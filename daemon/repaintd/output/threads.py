"""Threads for work on the disk, with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


class Threads:
    """Runs blocking work beside the event loop."""

    def __init__(self, pool: ThreadPoolExecutor, *, deadline: float) -> None:
        self.deadline = deadline
        self._pool = pool

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Begin *work*; the future has no deadline of its own."""
        return asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def run(self, work: Callable[[], T]) -> T:
        """Do *work*; when the deadline passes or the caller is cancelled, it goes on unheard.

        Raises:
            TimeoutError: the disk did not answer in time.
        """
        async with asyncio.timeout(self.deadline):
            return await self.start(work)


@contextlib.contextmanager
def started(count: int, name: str, *, deadline: float) -> Iterator[Threads]:
    """*count* threads; those that a dead disk holds are not waited for at the end."""
    pool = ThreadPoolExecutor(count, thread_name_prefix=name)
    try:
        yield Threads(pool, deadline=deadline)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
