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
from repaintd.core.binding import ImageFormat
from repaintd.core.image import RenderJob

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bench.effort import Effort
    from bench.studio import Studio
    from bench.workspace import Workspace


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """Renders a second, bytes and pixels."""
    async with open_studio(workspace, "png") as studio:
        page = await plain.warm_page(studio.browser, studio.origin)
        draw = plain.by_playwright(page, "png")
        bare = await plain.bare_cdp(await plain.warm_page(studio.browser, studio.origin))
        by_cdp = partial(bare.draw, kind="png", fast=False)
        rates = await alternate(
            {
                "ours": partial(studio.rate, effort.seconds),
                "plain": partial(plain.drawing_rate, [draw], studio.markups, effort.seconds),
                "bare": partial(plain.drawing_rate, [by_cdp], studio.markups, effort.seconds),
            },
            effort.rounds,
        )
        pairs = [pair async for pair in _pairs(studio, draw)]
        bright = await _bright(studio, draw)
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
            name="PNG, whole refresh (2)",
            ours=rates["ours"],
            baseline=rates["bare"],
            unit="/s",
            note="baseline: bare CDP in one warm page, Chromium's own PNG",
        ),
        _bytes("PNG, bytes", pairs, Budget(of="ratio", at_most=0.8)),
        _bytes("PNG, bytes with a bright gradient", [bright]),
        Row(
            name="PNG, pixels that differ",
            ours=sum(different_pixels(*pair) for pair in [*pairs, bright]),
            unit="",
            budget=Budget(of="ours", at_most=0),
            note="between the stable file and page.screenshot of the same document",
        ),
    ]


def _bytes(name: str, pairs: Sequence[tuple[bytes, bytes]], budget: Budget | None = None) -> Row:
    return Row(
        name=name,
        ours=sum(len(ours) for ours, _ in pairs) / len(pairs) / 1024,
        baseline=sum(len(plainly) for _, plainly in pairs) / len(pairs) / 1024,
        unit="KiB",
        budget=budget,
    )


async def _pairs(studio: Studio, draw: plain.Draw) -> AsyncIterator[tuple[bytes, bytes]]:
    """Every stable file, and what a plain page makes of the same document."""
    parts = studio.daemon.parts
    for view in parts.catalogue.all():
        entry = parts.catalogue.entry(view.binding.uid)
        file = await parts.images.read(view.binding.filename)
        if entry is None or file is None or entry.state.variables is None:
            raise RefreshesFailed(f"{view.binding.uid} has no image")
        markup = await parts.tools.engine.expand(entry.template, entry.state.variables)
        yield file.body, await draw(markup)


async def _bright(studio: Studio, draw: plain.Draw) -> tuple[bytes, bytes]:
    """A picture that is harder to pack, by the daemon's renderer and by the plain page."""
    tools = studio.daemon.parts.tools
    markup = await studio.markup(0, bright=True)
    job = RenderJob(
        template=studio.template,
        markup=markup,
        width=plain.WIDTH,
        height=plain.HEIGHT,
        format=ImageFormat.PNG,
    )
    return (await tools.renderer.render(job)).body, await draw(markup)
