"""Looks after the age of data: who has passed the bound, and who meets it again, is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from repaintd.core.staleness_event import is_to_tell

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from repaintd.core.ports import Clock
    from repaintd.runtime.catalogue import Catalogue

SWEEP: Final = 5.0
"""Seconds between two looks at all bindings: so late may the news be."""
LOOKS_PER_TURN: Final = 1_000
"""Bindings that are looked at before the loop answers others; about half a millisecond."""
TOLD_AT_ONCE: Final = 100
"""Events that go into the database together, when a source fails that many bindings share."""


async def watch_staleness(
    catalogue: Catalogue,
    tell: Callable[[str], Awaitable[None]],
    clock: Clock,
    *,
    interval: float = SWEEP,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Look at all bindings once in a while, for ever. Run it as a named task.

    Args:
        catalogue: all bindings.
        tell: tells of one binding whatever is to be told; never fails.
        clock: says how old data is.
        interval: seconds between two looks.
        sleep: what waits.
    """
    while True:
        await sleep(interval)
        due = await _due(catalogue, clock)
        for start in range(0, len(due), TOLD_AT_ONCE):
            await asyncio.gather(*map(tell, due[start : start + TOLD_AT_ONCE]))


async def _due(catalogue: Catalogue, clock: Clock) -> list[str]:
    entries, due = tuple(catalogue.entries()), []
    for start in range(0, len(entries), LOOKS_PER_TURN):
        now = clock.now()
        due += [
            view.binding.uid
            for view in (entry.view for entry in entries[start : start + LOOKS_PER_TURN])
            if is_to_tell(view.binding, view.state, now)
        ]
        await asyncio.sleep(0)
    return due
