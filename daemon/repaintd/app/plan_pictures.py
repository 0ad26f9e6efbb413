"""The pictures of a plan: of every binding whose image would be another one."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from repaintd.app.plan_studio import Picture, Views, open_studio
from repaintd.errors import RepaintdError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping
    from pathlib import Path

    from repaintd.app.plan import Plan
    from repaintd.app.plan_baseline import Baseline

__all__ = ["Gallery", "Picture", "Views", "draw_pictures"]

AT_ONCE: Final = 4
"""Bindings whose images are drawn at one time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """All pictures of a plan.

    Attributes:
        undrawn: uids of bindings that are beyond the limit.
    """

    views: tuple[Views, ...]
    undrawn: tuple[str, ...] = ()


async def draw_pictures(
    plan: Plan,
    baseline: Baseline,
    folder: Path,
    *,
    limit: int,
    log: Any,
    environ: Mapping[str, str],
) -> Gallery:
    """Draw before and after of every affected binding into *folder*; no source is asked.

    One browser draws all, with one clock that stands still.

    Raises:
        RepaintdError: nothing can be drawn here, or nothing written there.
    """
    affected = _affected(plan)
    chosen = affected[:limit]
    drawn: list[asyncio.Task[Views]] = []
    async with AsyncExitStack() as stack:
        if chosen:
            studio = await open_studio(stack, baseline, folder, log=log, environ=environ)
            turns = asyncio.Semaphore(AT_ONCE)
            drawn = await _all(
                (f"picture:{uid}", _in_turn(turns, studio.draw(uid, change, own=own)))
                for uid, change, own in chosen
            )
    return Gallery(
        views=tuple(each.result() for each in drawn),
        undrawn=tuple(uid for uid, _, _ in affected[limit:]),
    )


async def _all(work: Iterable[tuple[str, Coroutine[Any, Any, Views]]]) -> list[asyncio.Task[Views]]:
    """All of it done; the first failure ends the rest."""
    try:
        async with asyncio.TaskGroup() as tasks:
            return [tasks.create_task(each, name=name) for name, each in work]
    except* RepaintdError as failures:
        first: BaseException = failures
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
    raise first


async def _in_turn(turns: asyncio.Semaphore, drawing: Coroutine[Any, Any, Views]) -> Views:
    async with turns:
        return await drawing


def _affected(plan: Plan) -> list[tuple[str, str, bool]]:
    """Uid, what happens to it, and whether it asks for something else than before.

    What changes by itself comes first; of those that only share a changed template, one of each
    template, then the next: a limit leaves something to see of all.
    """
    found = [(0, each.uid, "added", False) for each in plan.added]
    found += [(0, each.uid, "removed", False) for each in plan.removed]
    sharing: Counter[str] = Counter()
    for each in plan.changed:
        if each.redrawn:
            sharing[each.template_id] += each.by_template
            rank = sharing[each.template_id] if each.by_template else 0
            found.append((rank, each.uid, "changed", each.refetched))
    return [(uid, change, own) for _, uid, change, own in sorted(found)]
