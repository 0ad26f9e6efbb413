"""`repaintd refresh`: ask the running daemon for a refresh now."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import click

from repaintd.app import load
from repaintd.app.client import DaemonClient, DaemonRefused
from repaintd.cli.context import configured
from repaintd.cli.unknown import no_such_binding
from repaintd.config.problem import visible

if TYPE_CHECKING:
    from repaintd.app import Options

WAIT_SECONDS = 60


@click.command()
@configured
@click.argument("uid")
@click.option("--wait", is_flag=True, help=f"Wait for the outcome, {WAIT_SECONDS} s at most.")
@click.option("--json", "as_json", is_flag=True, help="Print the daemon's answer.")
def refresh(options: Options, uid: str, *, wait: bool, as_json: bool) -> None:
    """Refresh binding UID now: ask its source, and draw it if something changed.

    Exit with 0 when it is queued, or with --wait when it was refreshed; with 1 when it is paused,
    when it failed, and when it takes longer than that.
    """
    configuration = load(options, check_templates=False).configuration
    try:
        answer = DaemonClient(configuration, options.environ).refresh(
            uid, WAIT_SECONDS if wait else 0
        )
    except DaemonRefused as refused:
        if refused.status != HTTPStatus.NOT_FOUND:
            raise
        raise no_such_binding(uid, configuration.bindings) from refused
    good = answer["status"] == ("refreshed" if wait else "refreshing")
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        click.echo(visible(_sentence(uid, answer, waited=wait)), err=not good)
    if not good:
        raise click.exceptions.Exit(1)


def _sentence(uid: str, answer: dict[str, Any], *, waited: bool) -> str:
    match answer["status"]:
        case "paused":
            return f"{uid}: paused, so nothing runs; take `paused: true` out of its file first"
        case "refreshed" if answer["changed"]:
            return f"{uid}: a new image, {answer['renderUrl']}"
        case "refreshed":
            return f"{uid}: nothing has changed, {answer['renderUrl']}"
        case "failed":
            binding = answer["binding"]
            return f"{uid}: {binding['lastErrorStage']} failed: {binding['lastError']}"
        case _ if waited:
            return f"{uid}: still not done after {WAIT_SECONDS} s; see `repaintd list`"
        case _:
            return f"{uid}: a refresh is queued ({answer['refreshId']})"
