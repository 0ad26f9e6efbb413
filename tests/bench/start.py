"""From the start of the process until the daemon is ready, beside starting and parsing only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.commands import bare_start
from bench.headless_daemon import headless, leave_behind
from bench.rounds import alternate
from bench.table import Budget, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.effort import Effort
    from bench.workspace import Workspace


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """Seconds for the smaller of the large configurations."""
    workspace.write(effort.small, "http://127.0.0.1:9/")  # where nobody listens
    await leave_behind(workspace)

    async def ours() -> float:
        started = time.perf_counter()
        async with headless(workspace):
            return time.perf_counter() - started

    async def parsed() -> float:
        return await bare_start(workspace.config)

    seconds = await alternate({"ours": ours, "parsed": parsed}, effort.rounds, warm_up=False)
    return [
        Row(
            name=f"start to READY, {effort.small:,} bindings",
            ours=seconds["ours"],
            baseline=seconds["parsed"],
            unit="s",
            budget=Budget(of="ours", at_most=2.0),
            note="from the start of the process, state and images in place, without the browser; "
            "baseline: the imports of the command line, and yaml.CSafeLoader over the bindings",
        )
    ]
