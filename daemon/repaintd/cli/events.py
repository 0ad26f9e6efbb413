"""`repaintd events`: what happened, and what happens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click
import orjson

from repaintd.app import load
from repaintd.app.client import DaemonClient, DaemonSilent, StreamedEvent
from repaintd.cli.context import configured

if TYPE_CHECKING:
    from repaintd.app import Options

LAST = 20
AGAIN_SECONDS = 2.0
COLOURS = {"binding.updated": "green", "binding.failed": "red", "webhook.disabled": "yellow"}


@click.command()
@configured
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens from now on.")
@click.option("--since", metavar="ID", help="Only what came after the event with this id.")
@click.option(
    "--last",
    type=click.IntRange(0, 1000),
    default=LAST,
    show_default=True,
    help="How many of the latest events to begin with, without --since.",
)
@click.option("--binding", multiple=True, metavar="UID", help="Only of this binding; repeatable.")
@click.option("--event", multiple=True, metavar="NAME", help="Only of this name, or binding.*.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document per line.")
def events(
    options: Options,
    *,
    follow: bool,
    since: str | None,
    last: int,
    binding: tuple[str, ...],
    event: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the latest events of the running daemon; with --follow, also those to come."""
    client = DaemonClient(load(options, check_templates=False).configuration, options.environ)
    query = [("binding", uid) for uid in binding] + [("event", name) for name in event]
    begin = [("last", str(last))] if since is None else [("since", since)]
    if not follow:
        begin.append(("follow", "false"))
    try:
        while True:
            begin = _print(client, query, begin, as_json=as_json)
            if not follow:
                return
            time.sleep(AGAIN_SECONDS)
    except KeyboardInterrupt:
        return


def _print(
    client: DaemonClient,
    query: list[tuple[str, str]],
    begin: list[tuple[str, str]],
    *,
    as_json: bool,
) -> list[tuple[str, str]]:
    """Print one stream to its end; where the next one begins, so that no event is missed."""
    try:
        for message in client.events([*query, *begin]):
            if message.id:
                begin = [("since", message.id)]
            click.echo(_as_json(message) if as_json else _line(message))
    except DaemonSilent:
        if begin[0][0] != "since":
            raise
        click.echo("the daemon is gone; waiting for it", err=True)
    return begin


def _as_json(message: StreamedEvent) -> str:
    document = orjson.loads(message.body)
    return orjson.dumps({"id": message.id, **document}).decode()


def _line(message: StreamedEvent) -> str:
    document: dict[str, Any] = orjson.loads(message.body)
    if message.name == "reset":
        return click.style(f"{document.get('reason')}", fg="yellow")
    data = document["data"]
    name = click.style(f"{message.name:<16}", fg=COLOURS.get(message.name))
    subject = data.get("bindingId") or data.get("subscriptionId") or ""
    return f"{document['timestamp']}  {name}  {subject:<24}  {_what(data)}  {message.id}"


def _what(data: dict[str, Any]) -> str:
    if "error" in data:
        return f"{data.get('stage')}: {str(data['error']).partition(chr(10))[0]}"
    if "changed" in data:
        return f"{', '.join(data['changed']) or 'drawn anew'} ({data.get('trigger')})"
    return str(data.get("reason", ""))
