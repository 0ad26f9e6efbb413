"""PNG 1200x630: the whole refresh beside a warm plain Playwright page."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bench import plain
from bench.daemon import RefreshesFailed
from bench.pixels import different_pixels
from bench.rounds import alternate
from bench.studio import open_studio
from bench.table import Budget, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.effort import Effort
    from bench.studio import Studio
    from bench.workspace import Workspace


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """Renders a second, bytes and pixels."""
    async with open_studio(workspace, "png") as studio:
        page = await plain.warm_page(studio.browser, studio.origin)
        draw = plain.by_playwright(page, "png")
        rates = await alternate(
            {
                "ours": partial(studio.rate, effort.seconds),
                "plain": partial(plain.drawing_rate, [draw], studio.markups, effort.seconds),
            },
            effort.rounds,
        )
        size, plain_size, different = await _compare(studio, draw)
    return [
        Row(
            name="PNG, whole refresh",
            ours=rates["ours"],
            baseline=rates["plain"],
            unit="/s",
            budget=Budget(of="ratio", at_least=2.5),
            note="fetch, map, template, Chromium, publish, durable commit; "
            "baseline: one warm page, page.set_content + page.screenshot",
        ),
        Row(
            name="PNG, bytes",
            ours=size / 1024,
            baseline=plain_size / 1024,
            unit="KiB",
            budget=Budget(of="ratio", at_most=0.8),
        ),
        Row(
            name="PNG, pixels that differ",
            ours=different,
            unit="",
            budget=Budget(of="ours", at_most=0),
            note="between the stable file and page.screenshot of the same document",
        ),
    ]


async def _compare(studio: Studio, draw: plain.Draw) -> tuple[int, int, int]:
    """Draw plainly what the stable files show: bytes of both, and pixels that differ."""
    size = plain_size = different = 0
    parts = studio.daemon.parts
    for view in parts.catalogue.all():
        entry = parts.catalogue.entry(view.binding.uid)
        file = await parts.images.read(view.binding.filename)
        if entry is None or file is None or entry.state.variables is None:
            raise RefreshesFailed(f"{view.binding.uid} has no image")
        markup = await parts.tools.engine.expand(entry.template, entry.state.variables)
        plainly = await draw(markup)
        size += len(file.body)
        plain_size += len(plainly)
        different += different_pixels(file.body, plainly)
    count = len(parts.catalogue)
    return size // count, plain_size // count, different
