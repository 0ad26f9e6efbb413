"""Takes turns: ours, baseline, ours, baseline … so that the machine's noise hits both."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    Side = Callable[[], Awaitable[float]]


async def alternate(
    sides: Mapping[str, Side], rounds: int, *, warm_up: bool = True
) -> dict[str, float]:
    """Run every side once a round; the median of each side over the rounds.

    Args:
        sides: by name, each measures once and returns its figure.
        rounds: how many count.
        warm_up: run every side once before, uncounted.
    """
    if warm_up:
        for side in sides.values():
            await side()
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides)[:: -1 if number % 2 else 1]:  # who begins, changes
            figures[name].append(await sides[name]())
    return {name: statistics.median(values) for name, values in figures.items()}


def percentile(values: Sequence[float], share: float) -> float:
    """The value that *share* (0 to 1) of all lie at or below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
