"""Conditional polls, all answered 304: the whole daemon beside a bare aiohttp client."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import aiohttp
from yarl import URL

from bench import seeds
from bench.daemon import RefreshesFailed, loaded, open_daemon
from bench.processes import request_rate, source_server
from bench.rounds import alternate
from bench.source_server import ETAG
from bench.table import Budget, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.daemon import Daemon
    from bench.effort import Effort
    from bench.workspace import Workspace

BINDINGS: Final = 1_000
CONCURRENCY: Final = 64
NOT_MODIFIED: Final = 304


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """Polls a second, with the server's own speed beside it."""
    async with source_server() as port:
        source = f"http://127.0.0.1:{port}/same/"
        workspace.write(BINDINGS, source, concurrency=CONCURRENCY)
        configuration = loaded(workspace.config, browser=False)
        cost: dict[str, list[float]] = {"ours": [], "bare": []}
        async with open_daemon(configuration, seeds.states(configuration, time.time())) as daemon:
            rates = await alternate(
                {
                    "ours": partial(_polls, daemon, effort.seconds, cost["ours"]),
                    "bare": partial(_bare_polls, source, effort.seconds, cost["bare"]),
                    "server": partial(_server, port, effort.seconds),
                },
                effort.rounds,
            )
    return [
        Row(
            name="conditional polls, all 304",
            ours=rates["ours"],
            baseline=rates["bare"],
            unit="/s",
            budget=Budget(of="ratio", at_least=0.5),
            note=f"scheduler, refresher, store, door, plugin; {CONCURRENCY} at once on both sides; "
            "baseline: bare aiohttp.ClientSession",
        ),
        Row(
            name="processor time of one poll",
            ours=1e6 * statistics.median(cost["ours"]),
            baseline=1e6 * statistics.median(cost["bare"]),
            unit="µs",
        ),
        Row(
            name="the server that answers them",
            ours=rates["server"],
            unit="/s",
            note="asked by raw sockets: what both sides could get at most",
        ),
    ]


async def _polls(daemon: Daemon, seconds: float, cost: list[float]) -> float:
    before, busy = daemon.total(), time.process_time()
    rate = await daemon.rate(seconds)
    cost.append((time.process_time() - busy) / daemon.treadmill.done)
    after = daemon.total()
    unchanged = after.fetches_not_modified - before.fetches_not_modified
    if (
        unchanged != daemon.treadmill.done
        or after.skipped_fetch - before.skipped_fetch != unchanged
    ):
        raise RefreshesFailed(f"{daemon.treadmill.done} polls gave {unchanged} times 304")
    return rate


async def _bare_polls(source: str, seconds: float, cost: list[float]) -> float:
    """The least that a client has to do, with everything prepared that can be."""
    urls = itertools.cycle([URL(f"{source}{number}") for number in range(BINDINGS)])
    headers = {"Accept": "application/json", "If-None-Match": ETAG}
    done = 0
    connector = aiohttp.TCPConnector(limit=CONCURRENCY, limit_per_host=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector) as session:
        started, busy = time.perf_counter(), time.process_time()

        async def keep_asking() -> None:
            nonlocal done
            while time.perf_counter() - started < seconds:
                async with session.get(next(urls), headers=headers) as response:
                    await response.read()
                    if response.status != NOT_MODIFIED:
                        raise RefreshesFailed(f"the source answered {response.status}")
                done += 1

        async with asyncio.TaskGroup() as tasks:
            for _ in range(CONCURRENCY):
                tasks.create_task(keep_asking())
        cost.append((time.process_time() - busy) / done)
        return done / (time.perf_counter() - started)


async def _server(port: int, seconds: float) -> float:
    return await request_rate(
        port, "/same/0", seconds=seconds / 2, connections=CONCURRENCY, etag=ETAG
    )
