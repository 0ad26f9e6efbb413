"""Measures how late the event loop is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from repaintd.core.ports import Clock
    from repaintd.metrics.metrics import Metrics

INTERVAL: Final = 0.25


async def watch_loop(
    metrics: Metrics,
    clock: Clock,
    *,
    interval: float = INTERVAL,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> NoReturn:
    """Sleep, look how much too long that took, for ever. Run it as a named task."""
    while True:
        started = clock.monotonic()
        await sleep(interval)
        metrics.observe_loop_lag(max(0.0, clock.monotonic() - started - interval))
