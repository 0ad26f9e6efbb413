"""`repaintd refresh`: ask the running daemon for a refresh now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from repaintd.app import load
from repaintd.app.client import DaemonClient
from repaintd.cli.context import configured

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

    With --wait, exit with 0 when it was refreshed and with 1 when that failed or took too long.
    """
    client = DaemonClient(load(options, check_templates=False).configuration, options.environ)
    answer = client.refresh(uid, WAIT_SECONDS if wait else 0)
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        click.echo(_sentence(uid, answer))
    if wait and answer["status"] != "refreshed":
        raise click.exceptions.Exit(1)


def _sentence(uid: str, answer: dict[str, Any]) -> str:
    if answer.get("queued") is False:
        return f"{uid} is paused: nothing runs until `paused: false`"
    if answer["status"] == "refreshing":
        return f"{uid}: a refresh is under way ({answer.get('refreshId')})"
    binding = answer["binding"]
    if answer["status"] == "failed":
        return f"{uid}: {binding.get('lastErrorStage')} failed: {binding.get('lastError')}"
    return f"{uid}: refreshed, {binding['renderUrl']}"
