"""`repaintd deliveries`: what was told to whom, and what was not."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import click

from repaintd.app import load
from repaintd.app.client import DaemonClient, DaemonRefused
from repaintd.cli.context import configured
from repaintd.cli.table import print_table
from repaintd.errors import RepaintdError

if TYPE_CHECKING:
    from repaintd.app import Options

HEADINGS = ("WHEN", "RECEIVER", "EVENT", "BINDING", "TRY", "TOOK", "DELIVERY", "ANSWER")


@click.command()
@configured
@click.option("--failed", is_flag=True, help="Only attempts that failed.")
@click.option("--subscription", metavar="UID", help="Only those of one subscription.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many at most."
)
@click.option("--replay", metavar="ID", help="Deliver again: a delivery's or an event's id.")
@click.option("--resume", metavar="UID", help="Make a subscription active again that was given up.")
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
    """Show the latest attempts to deliver events, latest first; deliver again what failed.

    With --resume or --replay, do that and show nothing.
    """
    client = DaemonClient(load(options, check_templates=False).configuration, options.environ)
    if resume is not None:
        _resume(client, resume)
    if replay is not None:
        _replay(client, replay)
    if resume is not None or replay is not None:
        return
    found = client.deliveries(failed=failed, subscription=subscription, limit=limit)
    if as_json:
        click.echo(json.dumps({"deliveries": found}, indent=2, ensure_ascii=False))
    elif not found:
        click.echo("no such deliveries" if failed or subscription else "no deliveries", err=True)
    else:
        print_table(HEADINGS, [_row(each) for each in found], [_colour(each) for each in found])


def _resume(client: DaemonClient, uid: str) -> None:
    try:
        client.resume(uid)
    except DaemonRefused as refused:
        raise _sharper(refused, f"there is no subscription {uid!r} that was given up") from refused
    click.echo(f"{uid}: active; what waits for it is delivered now, what was given up on --replay")


def _replay(client: DaemonClient, name: str) -> None:
    try:
        count = client.replay(name)
    except DaemonRefused as refused:
        missing = f"there is no delivery and no event {name!r} (any more)"
        raise _sharper(refused, missing) from refused
    click.echo(f"{count} {'delivery is' if count == 1 else 'deliveries are'} made again")


def _sharper(refused: DaemonRefused, missing: str) -> RepaintdError:
    """What the daemon said, or that what was asked for is *missing*."""
    if refused.status != HTTPStatus.NOT_FOUND:
        return refused
    return RepaintdError(f"{missing}; `repaintd deliveries` shows what there is")


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    return (
        each["at"],
        each["subscription"] or each["sink"],
        each["event"],
        each["bindingId"],
        str(each["attempt"]),
        f"{each['durationMs']:.0f} ms",
        each["deliveryId"],
        _answer(each),
    )


def _answer(each: dict[str, Any]) -> str:
    if not each["error"]:
        return str(each["status"] or "ok")
    return f"{each['error']}; {_then(each)}"


def _then(each: dict[str, Any]) -> str:
    """What comes after a failure."""
    if each["dead"]:
        return "given up"
    # without a time, the whole receiver is given up, and this waits with all the rest
    return f"again {each['nextRetry'] or 'after --resume'}"


def _colour(each: dict[str, Any]) -> str:
    if not each["error"]:
        return "green"
    return "red" if each["dead"] else "yellow"
