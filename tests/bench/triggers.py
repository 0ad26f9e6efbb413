"""A burst of triggers to one binding: how fast they are durable, and how few images they cost."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Final

from bench.daemon import RefreshesFailed
from bench.hooks import SECRET
from bench.pixels import different_pixels
from bench.processes import HelperFailed, beside, outcome
from bench.rounds import alternate, percentile
from bench.running import running
from bench.source_server import document
from bench.table import Budget, Row
from bench.workspace import uid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.effort import Effort
    from bench.running import Running
    from bench.workspace import Workspace

CONNECTIONS: Final = 64
LONGEST: Final = 60.0  # seconds for a burst
SHOWN_WITHIN: Final = 30.0  # seconds after the last trigger
QUIET: Final = 3.0  # seconds: longer than triggers are gathered, so that nothing is still to come
RENDERS: Final = "repaintd_renders_total"


@dataclass(slots=True)
class Seen:
    """What was found out in all rounds.

    Attributes:
        ours: p99 of the daemon's answers, one of each round, in milliseconds.
        bare: the same of the baseline.
        renders: of each round.
    """

    size: int
    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    renders: list[float] = field(default_factory=list)
    numbers: count[int] = field(default_factory=count)

    async def burst(self, port: int, p99: list[float]) -> tuple[float, int]:
        """Triggers a second, and the number of the last one.

        Raises:
            HelperFailed: not all of them were accepted.
        """
        first = self.size * next(self.numbers)
        arguments = (str(port), uid(0), str(first), str(self.size), str(CONNECTIONS))
        result = await outcome("hook_client", *arguments, seconds=LONGEST)
        if result["wrong"] or len(result["times"]) != self.size:
            raise HelperFailed(f"{result['wrong']} of {len(result['times'])} were not accepted")
        p99.append(percentile(result["times"], 0.99))
        return self.size / result["seconds"], first + self.size - 1


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """Acceptance a second, the slowest hundredth of the answers, and images drawn for it."""
    workspace.write(1, None, image_format="png", hook=f'secret: "{SECRET}"')
    seen = Seen(effort.burst)
    async with (
        beside("bare_inbox", str(workspace.root / "bare.db")) as bare,
        running(workspace) as daemon,
    ):

        async def ours() -> float:
            return await _ours(daemon, seen)

        async def plainly() -> float:
            return (await seen.burst(int(bare.said), seen.bare))[0]

        rates = await alternate({"ours": ours, "bare": plainly}, effort.rounds)
    return _rows(seen, rates)


def _rows(seen: Seen, rates: dict[str, float]) -> Sequence[Row]:
    return [
        Row(
            name=f"triggers accepted, burst of {seen.size:,}",
            ours=rates["ours"],
            baseline=rates["bare"],
            unit="/s",
            budget=Budget(of="ours", at_least=2_000),
            note=f"to one binding over {CONNECTIONS} connections, signed and durable, document "
            "merged; baseline: aiohttp, one HMAC, one row by aiosqlite, a commit each",
        ),
        Row(
            name="answer to a trigger of the burst, p99",
            ours=statistics.median(seen.ours[1:]),  # the first round is to warm up
            baseline=statistics.median(seen.bare[1:]),
            unit="ms",
            budget=Budget(of="ours", at_most=100),
        ),
        Row(
            name="images drawn for the burst",
            ours=max(seen.renders),
            unit="",
            budget=Budget(of="ours", at_most=3),
            note="the most of all rounds; each round's last image shows the last trigger's data",
        ),
    ]


async def _ours(daemon: Running, seen: Seen) -> float:
    before = await daemon.metric(RENDERS)
    rate, last = await seen.burst(daemon.port, seen.ours)
    expected = await daemon.drawn(document(last))
    await _shown(daemon.image, expected, SHOWN_WITHIN)
    await asyncio.sleep(QUIET)
    seen.renders.append(await daemon.metric(RENDERS) - before)
    await _shown(daemon.image, expected, 0)
    return rate


async def _shown(image: Path, expected: bytes, within: float) -> None:
    """Wait until the stable file shows what is expected.

    Raises:
        RefreshesFailed: it does not.
    """
    deadline = time.monotonic() + within
    while not await asyncio.to_thread(_shows, image, expected):
        if time.monotonic() > deadline:
            raise RefreshesFailed("the image does not show the data of the last trigger")
        await asyncio.sleep(0.1)


def _shows(image: Path, expected: bytes) -> bool:
    return image.exists() and not different_pixels(image.read_bytes(), expected)
