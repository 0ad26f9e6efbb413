"""What many bindings cost a real daemon that has nothing to do but to poll them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aiohttp

from bench.daemon import RefreshesFailed
from bench.headless_daemon import headless, leave_behind
from bench.processes import PATIENCE, source_server
from bench.table import Budget, Row
from bench.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psutil

    from bench.effort import Effort

TTL: Final = 60
LATE: Final = 1.0  # seconds after its due time that a refresh has to have started
SETTLE: Final = 2.0  # seconds after READY
LAG: Final = "repaintd_refresh_lag_seconds"
MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What was seen of one daemon.

    Attributes:
        ready: seconds from the start of the process.
        rss: bytes.
        cpu: share of one core.
        polls: started since READY, of those that were due.
        late: of them, those that started too late.
    """

    count: int
    ready: float
    rss: int
    cpu: float
    polls: int
    late: int


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """Memory, processor and punctuality at two sizes, and the start at the larger one."""
    async with source_server() as port:
        small, large = [
            await _watch(Workspace(workspace.root / str(count)), count, port, effort.watch)
            for count in (effort.small, effort.large)
        ]
    return [*_small(small), *_large(large), _each(small, large)]


def _small(seen: Watched) -> Sequence[Row]:
    return [
        Row(
            name=f"processor, {seen.count:,} bindings every {TTL} s",
            ours=100 * seen.cpu,
            unit="% of a core",
            budget=Budget(of="ours", at_most=10),
            note=f"{seen.polls:,} polls while it was watched",
        ),
        Row(
            name=f"memory, {seen.count:,} bindings",
            ours=seen.rss / MIB,
            unit="MiB",
            budget=Budget(of="ours", at_most=300),
            note="RSS of the daemon and its template workers, without the browser, while it polls",
        ),
    ]


def _large(seen: Watched) -> Sequence[Row]:
    return [
        Row(name=f"start to READY, {seen.count:,} bindings", ours=seen.ready, unit="s"),
        Row(
            name=f"processor, {seen.count:,} bindings every {TTL} s",
            ours=100 * seen.cpu,
            unit="% of a core",
        ),
        Row(
            name=f"memory, {seen.count:,} bindings",
            ours=seen.rss / MIB,
            unit="MiB",
            budget=Budget(of="ours", at_most=1024),
        ),
        Row(
            name=f"missed due times, {seen.count:,} bindings",
            ours=seen.late,
            unit="",
            budget=Budget(of="ours", at_most=0),
            note=f"of {seen.polls:,} refreshes, those that started more than {LATE:g} s late",
        ),
    ]


def _each(small: Watched, large: Watched) -> Row:
    each = (large.rss - small.rss) / (large.count - small.count)
    return Row(
        name="memory of one more binding",
        ours=each / 1024,
        unit="KiB",
        note=f"RSS at {large.count:,} less RSS at {small.count:,}, by their difference",
    )


async def _watch(workspace: Workspace, count: int, port: int, seconds: float) -> Watched:
    workspace.write(count, f"http://127.0.0.1:{port}/same/", ttl=TTL)
    listener = await leave_behind(workspace)
    started = time.perf_counter()
    async with headless(workspace) as process:
        ready = time.perf_counter() - started
        await asyncio.sleep(SETTLE)
        cpu = await _share(process, seconds)
        rss = sum(each.memory_info().rss for each in _tree(process))
        watched = time.perf_counter() - started - ready
        polls, late = await _lag(listener)
    expected = count * watched / TTL
    if polls < expected / 2:
        raise RefreshesFailed(f"{polls} polls in {watched:.0f} s where {expected:.0f} were due")
    return Watched(count=count, ready=ready, rss=rss, cpu=cpu, polls=polls, late=late)


async def _share(process: psutil.Process, seconds: float) -> float:
    """Processor time by time."""
    before, started = _busy(process), time.perf_counter()
    await asyncio.sleep(seconds)
    return (_busy(process) - before) / (time.perf_counter() - started)


def _busy(process: psutil.Process) -> float:
    """Seconds that processors worked for it so far."""
    times = [each.cpu_times() for each in _tree(process)]
    return sum(each.user + each.system for each in times)


def _tree(process: psutil.Process) -> Sequence[psutil.Process]:
    """The daemon and its helpers (template workers)."""
    return [process, *process.children(recursive=True)]


async def _lag(listener: str) -> tuple[int, int]:
    """From `/metrics`: refreshes started, and those that started too late."""
    figures: dict[str, int] = {}
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(f"{listener}/metrics") as response,
    ):
        async for line in response.content:
            name, _, value = line.decode().rpartition(" ")
            if name.startswith(LAG):
                figures[name] = int(float(value))
            if f"{LAG}_count" in figures:
                break
    count = figures[f"{LAG}_count"]
    return count, count - figures[f'{LAG}_bucket{{le="{LATE}"}}']
