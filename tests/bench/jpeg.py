"""JPEG 1200x630: the whole refresh beside a bare CDP loop."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bench import plain
from bench.rounds import alternate
from bench.studio import open_studio
from bench.table import Budget, Row
from bench.workspace import cores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.effort import Effort
    from bench.workspace import Workspace


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """Renders a second, against as many pages at once as the daemon uses."""
    async with open_studio(workspace, "jpeg") as studio:
        pages = [await plain.warm_page(studio.browser, studio.origin) for _ in range(cores())]
        bare = [await plain.bare_cdp(page) for page in pages]
        fast = [partial(each.draw, fast=True) for each in bare]
        page = await plain.warm_page(studio.browser, studio.origin)
        plainly = plain.by_playwright(page, "jpeg")
        slow = [partial(each.draw, fast=False) for each in bare]
        rates = await alternate(
            {
                "ours": partial(studio.rate, effort.seconds),
                "fast": partial(plain.drawing_rate, fast, studio.markups, effort.seconds),
                "plain": partial(plain.drawing_rate, [plainly], studio.markups, effort.seconds),
                "slow": partial(plain.drawing_rate, slow, studio.markups, effort.seconds),
            },
            effort.rounds,
        )
    what = f"{cores()} pages at once on both sides, quality 90; baseline: bare CDP"
    return [
        Row(
            name="JPEG, whole refresh",
            ours=rates["ours"],
            baseline=rates["fast"],
            unit="/s",
            budget=Budget(of="ratio", at_least=0.85),
            note=f"{what}, optimizeForSpeed true",
        ),
        Row(
            name="JPEG, whole refresh (2)",
            ours=rates["ours"],
            baseline=rates["slow"],
            unit="/s",
            note=f"{what}, optimizeForSpeed false",
        ),
        Row(
            name="JPEG, whole refresh (3)",
            ours=rates["ours"],
            baseline=rates["plain"],
            unit="/s",
            note="baseline: one warm page, page.set_content + page.screenshot",
        ),
    ]
