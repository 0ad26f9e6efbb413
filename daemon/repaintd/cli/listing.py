"""`repaintd list`: every binding, and how it is."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from repaintd.app import load
from repaintd.app.inspect import Inspection, inspect
from repaintd.cli.context import configured
from repaintd.cli.table import print_table

if TYPE_CHECKING:
    from repaintd.app import Options

COLOURS = {
    "active": "green",
    "stale": "yellow",
    "error": "red",
    "error, stale": "red",
    "paused": "yellow",
    "paused, stale": "yellow",
}
HEADINGS = ("BINDING", "STATUS", "FORMAT", "IMAGE", "NEXT", "LAST ERROR")


@click.command("list")
@configured
@click.option("--json", "as_json", is_flag=True, help="Print the documents of /status.json.")
def list_bindings(options: Options, *, as_json: bool) -> None:
    """List the bindings with their state: of the running daemon, else as it left them."""
    inspection = inspect(load(options, check_templates=False))
    if as_json:
        click.echo(json.dumps({"bindings": inspection.bindings}, indent=2, ensure_ascii=False))
        return
    if not inspection.running:
        click.echo("the daemon does not answer; this is what it remembered last", err=True)
    _table(inspection)


def _table(inspection: Inspection) -> None:
    rows = [_row(binding, time.time()) for binding in inspection.bindings]
    print_table(HEADINGS, rows, [COLOURS.get(row[1]) for row in rows])


def _row(binding: dict[str, Any], now: float) -> tuple[str, ...]:
    image = binding.get("image")
    return (
        binding["uid"],
        _status(binding),
        binding["outputConfig"]["format"],
        _ago(image["publishedAt"], now) if image else "none yet",
        "paused" if binding["status"] == "paused" else _ahead(binding.get("nextRefreshAt"), now),
        (binding.get("lastError") or "").partition("\n")[0],
    )


def _status(binding: dict[str, Any]) -> str:
    status: str = binding["status"]
    if not binding.get("stale"):
        return status
    return "stale" if status == "active" else f"{status}, stale"


def _ago(stamp: str, now: float) -> str:
    return f"{_span(now - _epoch(stamp))} ago"


def _ahead(stamp: str | None, now: float) -> str:
    if stamp is None:
        return "on trigger"
    seconds = _epoch(stamp) - now
    return f"in {_span(seconds)}" if seconds > 0 else "now"


def _span(seconds: float) -> str:
    """The two largest units: `3 h 12 min`."""
    left = max(0, round(seconds))
    parts = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _epoch(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
