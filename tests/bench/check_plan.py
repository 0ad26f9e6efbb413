"""`repaintd check` and `repaintd plan` as users run them, beside starting and parsing only."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from bench.commands import bare_start, repaintd
from bench.processes import HelperFailed
from bench.rounds import alternate
from bench.table import Budget, Row
from bench.workspace import change_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.effort import Effort
    from bench.workspace import Workspace

CHANGES = 2
"""The status of a plan that changes something."""


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """Seconds from start to end of each process."""
    workspace.write(effort.small, "https://example.org/")
    new, old = workspace.config, workspace.root / "before"
    shutil.copytree(new, old)
    change_source(new, 0, "new")
    sides = {
        "check": lambda: _check(new, effort.small),
        "plan": lambda: _plan(new, old, effort.small),
        "parsed": lambda: bare_start(new),
        "started": bare_start,
    }
    seconds = await alternate(sides, effort.rounds, warm_up=False)
    both_parsed = 2 * seconds["parsed"] - seconds["started"]
    return [
        Row(
            name=f"repaintd check, {effort.small:,} bindings",
            ours=seconds["check"],
            baseline=seconds["parsed"],
            unit="s",
            budget=Budget(of="ratio", at_most=1),
            note="a whole process; baseline: the same imports, and yaml.CSafeLoader over the "
            f"bindings; {seconds['started']:.2f} s of it are imports",
        ),
        Row(
            name=f"repaintd plan, {effort.small:,} bindings",
            ours=seconds["plan"],
            baseline=both_parsed,
            unit="s",
            budget=Budget(of="ratio", at_most=1),
            note="against a directory that differs in one binding; baseline: the same with both "
            "directories, reckoned from the parts of the other",
        ),
    ]


async def _check(config: Path, count: int) -> float:
    """Seconds for a configuration in which all is well.

    Raises:
        HelperFailed: it did not say so of all of them.
    """
    seconds, said = await repaintd("check", "--config", str(config), status=0)
    if f"{count} bindings" not in said:
        raise HelperFailed(f"not all bindings were checked: {said}")
    return seconds


async def _plan(config: Path, against: Path, count: int) -> float:
    """Seconds to find the one binding that is another one.

    Raises:
        HelperFailed: it was not found, or it is not all that was found.
    """
    arguments = ("plan", "--config", str(config), "--against", str(against), "--format", "json")
    seconds, said = await repaintd(*arguments, status=CHANGES)
    counts = {name: number for name, number in json.loads(said)["counts"].items() if number}
    if counts != {"bindings": count, "changed": 1, "redrawn": 1, "refetched": 1}:
        raise HelperFailed(f"another plan was expected: {counts}")
    return seconds
