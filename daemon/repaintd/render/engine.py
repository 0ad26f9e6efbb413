"""The template engine `jinja`: minijinja in worker processes that no template can outlive.

minijinja holds the interpreter's lock while it works, its fuel does not count the cost of single
instructions (a width of 999,999,999 is one), and a few hundred kilobytes of chained operators crash
it. So it runs elsewhere, under limits of memory and time, and the daemon only waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from repaintd.errors import RefreshFailed, RenderFailed, StartupFailed
from repaintd.render import frames
from repaintd.render.failure import ended, failure_of
from repaintd.render.limits import DEFAULT_LIMITS, Limits
from repaintd.render.prepared import Preparations
from repaintd.render.turns import Job, Turns, closing
from repaintd.render.worker_process import WorkerDied, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from repaintd.core.template import Template
    from repaintd.render.prepared import Prepared

_WAITING: Final = 1024


class Engine:
    """Implements core.ports.TemplateEngine."""

    def __init__(self, limits: Limits, turns: Turns, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._turns = turns
        self._clock = clock
        self._preparations = Preparations()

    async def expand(self, template: Template, variables: Mapping[str, Any]) -> str:
        """The finished markup; HTML-escaped unless the template says otherwise.

        Raises:
            RenderFailed: `template` (with line and excerpt), `template_timeout`,
                `template_too_large`, `template_memory`, `template_busy` (too many wait),
                `template_worker` (no worker can be had).
        """
        prepared = self._preparations.get(template)
        job = Job(
            prepared=prepared,
            variables=self._encode(prepared, variables),
            now=self._clock() if prepared.uses_clock else None,
            result=asyncio.get_running_loop().create_future(),
        )
        self._turns.add(job)
        return await job.result

    def _encode(self, prepared: Prepared, variables: Mapping[str, Any]) -> bytes:
        try:
            encoded = orjson.dumps(dict(variables))
        except TypeError as error:
            message = f"{prepared.title}: the variables are no JSON: {error}"
            raise RenderFailed(message, reason="template") from error
        for what, size, most in (
            ("the template with its includes", prepared.size, self._limits.markup),
            ("the variables", len(encoded), self._limits.variables),
        ):
            if size > most:
                message = f"{prepared.title}: {what} take {size:,} bytes, more than {most:,}"
                raise RenderFailed(message, reason="template_too_large")
        return encoded


@asynccontextmanager
async def open_engine(
    *,
    workers: int = 2,
    deadline: float = 2.0,
    limits: Limits = DEFAULT_LIMITS,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Engine]:
    """Run template workers until the context is left.

    Args:
        workers: child processes; one template keeps at most one of them busy.
        deadline: seconds that one expansion may take, waiting for its turn not counted.
        limits: the other bounds of one expansion.
        clock: seconds since the epoch, for templates that ask.

    Raises:
        StartupFailed: not one worker starts.
    """
    limits = replace(limits, deadline=deadline)
    turns = Turns(_WAITING)
    processes = [WorkerProcess(limits) for _ in range(workers)]
    tasks: list[asyncio.Task[None]] = []
    try:
        await _start(processes)
        tasks += [
            asyncio.create_task(_serve(process, turns, limits), name=f"template-worker-{number}")
            for number, process in enumerate(processes)
        ]
        yield Engine(limits, turns, clock)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        turns.close()
        await asyncio.gather(*(process.stop() for process in processes))


async def _start(processes: Sequence[WorkerProcess]) -> None:
    results = await asyncio.gather(*(one.start() for one in processes), return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    for failure in failures:
        if not isinstance(failure, WorkerDied):
            raise failure
    if len(failures) == len(processes):
        raise StartupFailed(
            f"the template workers do not start: {failures[0]}. "
            "Is there memory for another process, and is this installation complete?"
        ) from failures[0]


async def _serve(process: WorkerProcess, turns: Turns, limits: Limits) -> None:
    while True:
        with contextlib.suppress(WorkerDied):  # the next job will say it
            await process.start()
        job = await turns.take()
        try:
            if not job.result.done():
                job.succeed(await _expand(process, job, limits))
        except RefreshFailed as failure:
            job.fail(failure)
        except asyncio.CancelledError:
            job.fail(closing())
            raise
        except Exception as bug:  # noqa: BLE001 - whoever waits must hear of it; the worker goes on
            job.fail(bug)
        finally:
            turns.done(job)


async def _expand(process: WorkerProcess, job: Job, limits: Limits) -> str:
    try:
        reply = await _ask(process, job)
    except TimeoutError as error:
        raise ended(job.prepared, -signal.SIGALRM, limits) from error
    except WorkerDied as death:
        raise ended(job.prepared, death.code, limits) from death
    if reply[:1] == frames.MARKUP:
        return reply[1:].decode()
    raise failure_of(job.prepared, orjson.loads(reply[1:]), limits)


async def _ask(process: WorkerProcess, job: Job) -> bytes:
    """Ask; once more where somebody else killed the worker: that is no fault of the template."""
    try:
        return await process.ask(job)
    except WorkerDied as death:
        if death.code != -signal.SIGKILL:
            raise
    return await process.ask(job)
