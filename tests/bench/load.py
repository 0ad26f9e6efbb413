"""Loading and checking a large configuration, beside parsing the same files only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import yaml

from bench.daemon import ENVIRONMENT
from bench.rounds import alternate
from bench.table import Row
from repaintd.app import Options, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.effort import Effort
    from bench.workspace import Workspace


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """Seconds for the smaller of the large configurations."""
    workspace.write(effort.small, "https://example.org/")

    async def ours() -> float:
        started = time.perf_counter()
        load(Options(directory=workspace.config, environ=ENVIRONMENT))
        return time.perf_counter() - started

    async def parsed() -> float:
        started = time.perf_counter()
        for path in sorted(workspace.config.glob("bindings/*.yaml")):
            yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
        return time.perf_counter() - started

    seconds = await alternate({"ours": ours, "parsed": parsed}, effort.rounds, warm_up=False)
    size = sum(path.stat().st_size for path in workspace.config.glob("bindings/*.yaml"))
    return [
        Row(
            name=f"load + check {effort.small:,} bindings",
            ours=seconds["ours"],
            baseline=seconds["parsed"],
            unit="s",
            note=f"{size / 1e6:.1f} MB of YAML; baseline: yaml.CSafeLoader, which checks nothing",
        )
    ]
