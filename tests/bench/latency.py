"""From a change to the new file: one whole refresh beside a bare fetch and a bare drawing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import aiohttp

from bench import plain
from bench.rounds import percentile
from bench.studio import open_studio
from bench.table import Budget, Row
from bench.workspace import uid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.effort import Effort
    from bench.studio import Studio
    from bench.workspace import Workspace

BLOCK: Final = 10  # samples of one side before the other has its turn
WARM_UP: Final = 10


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """The middle and the worst hundredth of both."""
    async with open_studio(workspace, "jpeg", bindings=1) as studio:
        ours, bare = await _samples(studio, effort.samples)
    what = "one at a time, trigger to durable commit; baseline: aiohttp get + bare CDP JPEG"
    return [
        Row(
            name="change to new file, p50",
            ours=1000 * percentile(ours, 0.5),
            baseline=1000 * percentile(bare, 0.5),
            unit="ms",
            budget=Budget(of="excess", at_most=15),
            note=what,
        ),
        Row(
            name="change to new file, p99",
            ours=1000 * percentile(ours, 0.99),
            baseline=1000 * percentile(bare, 0.99),
            unit="ms",
            budget=Budget(of="ratio", at_most=2),
        ),
    ]


async def _samples(studio: Studio, count: int) -> tuple[list[float], list[float]]:
    page = await plain.warm_page(studio.browser, studio.origin)
    cdp = await plain.bare_cdp(page)
    ours: list[float] = []
    bare: list[float] = []
    async with aiohttp.ClientSession() as session:
        while len(ours) < count + WARM_UP:
            ours += [await studio.daemon.refresh(uid(0)) for _ in range(BLOCK)]
            bare += [await _bare(session, studio, cdp, number) for number in range(BLOCK)]
    await studio.daemon.settle()
    return ours[WARM_UP:], bare[WARM_UP:]


async def _bare(
    session: aiohttp.ClientSession, studio: Studio, cdp: plain.BareCdp, number: int
) -> float:
    started = time.perf_counter()
    async with session.get(f"{studio.source}0") as response:
        await response.json()
    await cdp.draw(studio.markups[number % len(studio.markups)], fast=True)
    return time.perf_counter() - started
