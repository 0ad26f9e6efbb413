"""Whose turn it is: templates take turns, so that a slow one delays only itself."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from repaintd.errors import RenderFailed

if TYPE_CHECKING:
    from repaintd.render.prepared import Prepared


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """One expansion that somebody waits for.

    Attributes:
        variables: JSON.
        now: seconds since the epoch, for templates that ask.
        result: where the markup, or the failure, goes.
    """

    prepared: Prepared
    variables: bytes = field(repr=False)
    now: float | None
    result: asyncio.Future[str]

    def fail(self, error: BaseException) -> None:
        """Hand the failure to whoever still waits."""
        if not self.result.done():
            self.result.set_exception(error)

    def succeed(self, markup: str) -> None:
        """Hand the markup to whoever still waits."""
        if not self.result.done():
            self.result.set_result(markup)


class Turns:
    """Waiting jobs, one line per template; each template has at most one job being worked on.

    A healthy expansion takes well under a millisecond, so this costs nothing; a hostile template
    with a hundred bindings, however, keeps one worker busy and not all of them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._closed = False
        self._waiting = 0
        self._lines: dict[str, deque[Job]] = {}
        self._ready: asyncio.Queue[str] = asyncio.Queue()

    def add(self, job: Job) -> None:
        """Line up.

        Raises:
            RenderFailed: `template_busy`, the place is full; `template_worker`, it is closed.
        """
        if self._closed:
            raise closing()
        if self._waiting >= self._most:
            raise RenderFailed(
                f"{self._most} expansions wait already: a slow template holds them up",
                reason="template_busy",
            )
        self._waiting += 1
        line = self._lines.get(job.prepared.key)
        if line is None:
            self._lines[job.prepared.key] = deque((job,))
            self._ready.put_nowait(job.prepared.key)
        else:
            line.append(job)

    async def take(self) -> Job:
        """The next job, once there is one; call `done` when it is dealt with."""
        job = self._lines[await self._ready.get()].popleft()
        self._waiting -= 1
        return job

    def done(self, job: Job) -> None:
        """Let the next of that template line up behind the other templates."""
        if self._lines[job.prepared.key]:
            self._ready.put_nowait(job.prepared.key)
        else:
            del self._lines[job.prepared.key]

    def close(self) -> None:
        """Fail all that still wait, and all that come."""
        self._closed = True
        for line in self._lines.values():
            while line:
                line.popleft().fail(closing())
        self._waiting = 0


def closing() -> RenderFailed:
    """What those get who wait when the engine is closed."""
    return RenderFailed("the template engine is shutting down", reason="template_worker")
