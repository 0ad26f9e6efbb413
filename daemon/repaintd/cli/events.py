"""`repaintd events`: what happened, and what happens."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import click
import orjson

from repaintd.app import load
from repaintd.app.client import DaemonClient, DaemonRefused, DaemonSilent
from repaintd.cli.context import configured
from repaintd.cli.event_words import words
from repaintd.config.problem import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from repaintd.app import Options
    from repaintd.app.client import Message

LAST = 20
MOST = 1000
AGAIN_SECONDS = 1.0
RESET = "reset"
COLOURS = {
    "binding.updated": "green",
    "binding.failed": "red",
    "binding.stale": "yellow",
    "binding.fresh": "green",
    "webhook.disabled": "yellow",
    "config.applied": "green",
    "config.rejected": "red",
}

Query = list[tuple[str, str]]


@click.command()
@configured
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens, until interrupted.")
@click.option("--since", metavar="ID", help="Only what came after the event with this id.")
@click.option(
    "--last",
    type=click.IntRange(0, MOST),
    help=f"Begin with so many of the latest events (default: {LAST}).",
)
@click.option("--binding", multiple=True, metavar="UID", help="Only of this binding; repeatable.")
@click.option("--event", multiple=True, metavar="NAME", help="Only of this name, or binding.*.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document per line.")
def events(
    options: Options,
    *,
    follow: bool,
    since: str | None,
    last: int | None,
    binding: tuple[str, ...],
    event: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the latest events of the running daemon; with --follow, also those to come.

    A daemon that is restarted meanwhile is waited for, and no event is missed or shown twice.
    """
    if since is not None and last is not None:
        raise click.UsageError("--since and --last exclude each other")
    client = DaemonClient(load(options, check_templates=False).configuration, options.environ)
    query = [("binding", uid) for uid in binding] + [("event", name) for name in event]
    place = _Place("last", str(LAST if last is None else last))
    if since is not None:
        place = _Place("since", since)
    show = _show_json if as_json else _show_line
    if follow:
        _follow(client, query, place, show)
    else:
        _list(client.events([*query, place.parameter, ("follow", "false")]), show)


@dataclass(slots=True)
class _Place:
    """Where in the history to begin, or to go on.

    Attributes:
        connected: whether the daemon has begun to answer.
    """

    name: str
    value: str
    connected: bool = False

    @property
    def parameter(self) -> tuple[str, str]:
        return self.name, self.value

    def note(self, message: Message) -> None:
        """Move on to behind *message*."""
        self.connected = True
        if message.id:
            self.name, self.value = "since", message.id
        elif self.name == "last":  # nothing had ever happened: whatever there will be is new
            self.value = str(MOST)


def _list(messages: Iterable[Message], show: Callable[[Message], None]) -> None:
    shown = missed = False
    for message in messages:
        if message.name:
            show(message)
            shown, missed = True, missed or message.name == RESET
    if not shown:
        click.echo("no events", err=True)
    if missed:
        raise click.exceptions.Exit(1)


def _follow(
    client: DaemonClient, query: Query, place: _Place, show: Callable[[Message], None]
) -> None:
    """Show for ever; go on behind the last event when the daemon was away."""
    away = False
    while True:
        try:
            for message in client.events([*query, place.parameter]):
                place.note(message)
                if away:
                    click.echo("the daemon is back", err=True)
                    away = False
                if message.name:
                    show(message)
        except (DaemonSilent, DaemonRefused) as error:
            if not place.connected or not _passes(error):
                raise
        if not away:
            click.echo("the daemon is gone; waiting for it", err=True)
            away = True
        time.sleep(AGAIN_SECONDS)


def _passes(error: DaemonSilent | DaemonRefused) -> bool:
    """Whether it is only that the daemon stops, or starts."""
    return not isinstance(error, DaemonRefused) or error.status == HTTPStatus.SERVICE_UNAVAILABLE


def _show_json(message: Message) -> None:
    document = {"id": message.id, "event": message.name, **orjson.loads(message.body)}
    click.echo(orjson.dumps(document))


def _show_line(message: Message) -> None:
    document: dict[str, Any] = orjson.loads(message.body)
    if message.name == RESET:
        click.echo(document["reason"], err=True)
        return
    data = document["data"]
    name = click.style(f"{message.name:<16}", fg=COLOURS.get(message.name))
    subject = data.get("bindingId") or data.get("subscriptionId") or ""
    what = visible(words(message.name, data))
    click.echo(f"{document['timestamp']}  {name}  {subject:<24}  {message.id}  {what}".rstrip())
