"""`repaintd deliveries`: what was told to whom, and what was not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from repaintd.app import load
from repaintd.app.client import DaemonClient
from repaintd.cli.context import configured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from repaintd.app import Options

HEADINGS = ("WHEN", "RECEIVER", "EVENT", "BINDING", "TRY", "ANSWER", "TOOK", "DELIVERY")
COLOURS = {"ok": "green", "again": "yellow", "given up": "red"}


@click.command()
@configured
@click.option("--failed", is_flag=True, help="Only attempts that failed.")
@click.option("--subscription", metavar="UID", help="Only those of one subscription.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--replay", metavar="ID", help="Deliver again: a delivery's or an event's id.")
@click.option("--resume", metavar="UID", help="Make a subscription active that was given up.")
@click.option("--json", "as_json", is_flag=True, help="Print the daemon's documents.")
def deliveries(
    options: Options,
    *,
    failed: bool,
    subscription: str | None,
    limit: int,
    replay: str | None,
    resume: str | None,
    as_json: bool,
) -> None:
    """Show the latest attempts to deliver events to webhooks; deliver again what failed."""
    client = DaemonClient(load(options, check_templates=False).configuration, options.environ)
    if resume is not None:
        client.resume(resume)
        click.echo(f"{resume} is active")
    if replay is not None:
        count = client.replay(replay)
        click.echo(f"{count} {'delivery is' if count == 1 else 'deliveries are'} made again")
    if resume is not None or replay is not None:
        return
    found = client.deliveries(failed=failed, subscription=subscription, limit=limit)
    if as_json:
        click.echo(json.dumps({"deliveries": found}, indent=2, ensure_ascii=False))
    else:
        _table(found)


def _table(found: Sequence[dict[str, Any]]) -> None:
    rows = [_row(each) for each in found]
    widths = [max(len(row[n]) for row in (HEADINGS, *(r for r, _ in rows))) for n in range(8)]
    click.secho(_line(HEADINGS, widths), bold=True)
    for row, verdict in rows:
        click.secho(_line(row, widths), fg=COLOURS[verdict])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _row(each: dict[str, Any]) -> tuple[tuple[str, ...], str]:
    verdict = "ok" if not each["error"] else "given up" if each["dead"] else "again"
    answer = str(each["status"]) if each["status"] else ""
    if each["error"]:
        answer = f"{each['error']}; {_next(each)}"
    return (
        each["at"],
        each["sink"],
        each["event"],
        each["bindingId"],
        str(each["attempt"]),
        answer,
        f"{each['durationMs']:.0f} ms",
        each["deliveryId"],
    ), verdict


def _next(each: dict[str, Any]) -> str:
    return "given up" if each["dead"] else f"again at {each['nextRetry']}"
