"""Runs the measurements one after the other, each in a process of its own, and shows them."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from bench.effort import FULL, QUICK
from bench.processes import child_environment
from bench.table import Row, layout, row_of
from bench.workspace import Workspace, cores

if TYPE_CHECKING:
    from collections.abc import Sequence

MEASUREMENTS: Final = (
    "png",
    "jpeg",
    "latency",
    "polls",
    "load",
    "check_plan",
    "start",
    "reload",
    "idle",
    "serving",
    "commits",
    "triggers",
    "hook_latency",
    "deliveries",
    "streams",
)
LONGEST: Final = 300.0  # seconds that one measurement may take before it counts as broken
EPILOG: Final = "Ratios count, not figures. Leave the machine alone while it measures."


def main(arguments: Sequence[str]) -> int:
    """Measure what was asked for.

    Returns:
        0 when all was measured, also where a budget was missed (1 then with --strict); 2 when a
        measurement broke.
    """
    options = _options(arguments)
    if options.child:
        return _child(options)
    results = {name: _run(name, options) for name in options.only or MEASUREMENTS}
    rows = [row for found in results.values() for row in found or ()]
    print(layout(rows))
    if options.json is not None:
        options.json.write_text(json.dumps(_document(results), indent=2) + "\n", "utf-8")
    missed = any(row.ok is False for row in rows)
    if any(found is None for found in results.values()):
        return 2
    return int(missed and options.strict)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench", description=__doc__, epilog=EPILOG)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=MEASUREMENTS)
    parser.add_argument("--quick", action="store_true", help="see whether it works; no figures")
    parser.add_argument("--strict", action="store_true", help="a missed budget is an error")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path("/var/tmp"),  # noqa: S108 - a fresh directory is made in it
        help="on a real disk, for commits are measured (default: %(default)s)",
    )
    parser.add_argument("--child", choices=MEASUREMENTS, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _child(options: argparse.Namespace) -> int:
    """Do one measurement in this process and write its rows to the file named by --json."""
    measure = importlib.import_module(f"bench.{options.child}").measure
    effort = QUICK if options.quick else FULL
    with TemporaryDirectory(prefix="repaintd-bench-", dir=options.directory) as directory:
        rows = asyncio.run(measure(Workspace(Path(directory)), effort))
    options.json.write_text(json.dumps([row.document() for row in rows]), "utf-8")
    return 0


def _run(name: str, options: argparse.Namespace) -> list[Row] | None:
    """One measurement in a process of its own, whose children end with it; None if it broke."""
    print(f"{name} …", end=" ", file=sys.stderr, flush=True)
    started = time.perf_counter()
    with TemporaryDirectory(prefix="repaintd-bench-") as directory:
        result = Path(directory) / "rows.json"
        command = [sys.executable, "-m", "bench.run", "--child", name, "--json", str(result)]
        command += ["--directory", str(options.directory), *(["--quick"] * options.quick)]
        status = _supervised(command)
        print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        if status != 0 or not result.exists():
            print(f"{name} was not measured (status {status})", file=sys.stderr)
            return None
        return [row_of(each) for each in json.loads(result.read_text("utf-8"))]


def _supervised(command: Sequence[str]) -> int:
    """Run it in a session of its own; whatever happens, nothing of it is left."""
    with subprocess.Popen(  # noqa: S603 - our own module
        command, env=child_environment(), start_new_session=True
    ) as process:
        try:
            return process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            return -1
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _document(results: dict[str, list[Row] | None]) -> dict[str, Any]:
    return {
        "machine": {
            "cores": cores(),
            "load": os.getloadavg()[0],
            "python": platform.python_version(),
            "system": platform.platform(),
        },
        "rows": [row.document() for rows in results.values() for row in rows or ()],
        "broken": [name for name, rows in results.items() if rows is None],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
