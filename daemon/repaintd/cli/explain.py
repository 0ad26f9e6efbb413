"""`repaintd explain`: why a binding did or did not refresh."""

from __future__ import annotations

import json
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import click

from repaintd.app import load
from repaintd.app.client import DaemonRefused
from repaintd.app.explain import explain as explained
from repaintd.cli.context import configured
from repaintd.cli.local_time import local_times
from repaintd.cli.table import print_table
from repaintd.cli.unknown import no_such_binding
from repaintd.config.problem import visible
from repaintd.core.explanation_words import rules, verdict
from repaintd.core.run import STAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.app import Options

HEADINGS = ("WHEN", "RUNS", "TRIGGER", "OUTCOME", "TOOK", "STAGES", "DETAILS")
NOTABLE = 0.001
COLOURS = {"published": "green", "failed": "red", "waiting": "yellow"}
STATES = {"active": "green", "error": "red", "paused": "yellow"}
OUTCOMES = {
    "not_modified": "304",
    "unchanged": "same variables",
    "same_bytes": "same bytes",
    "waiting": "no data yet",
}


@click.command()
@configured
@click.argument("uid")
@click.option("--json", "as_json", is_flag=True, help="Print the document, times in UTC.")
def explain(options: Options, uid: str, *, as_json: bool) -> None:
    """Say why binding UID did or did not refresh, and what decides when it runs next.

    Without a daemon: from what it wrote down last.
    """
    configuration = load(options, check_templates=False).configuration
    try:
        document = explained(configuration, uid, options.environ)
    except DaemonRefused as refused:
        if refused.status != HTTPStatus.NOT_FOUND:
            raise
        document = None
    if document is None:
        raise no_such_binding(uid, configuration.bindings)
    if not document["running"]:
        click.echo("the daemon does not answer; this is what it wrote down last", err=True)
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(document)


def _print(document: dict[str, Any]) -> None:
    when = local_times(datetime.fromisoformat(document["at"]).astimezone())
    colour = STATES.get(document["status"])
    click.secho(visible(verdict(document, when)), fg=colour, bold=True)
    for rule in rules(document, when):
        click.echo(visible(f"  - {rule}"))
    _runs(document["runs"], when)
    shown = {run["number"] for run in document["runs"]}
    older = [run for run in document["failures"] if run["number"] not in shown]
    if older:
        click.echo("\nfailures before those:")
        _table(older, when)


def _runs(runs: list[dict[str, Any]], when: Callable[[str], str]) -> None:
    click.echo("")
    if runs:
        _table(runs, when)
    else:
        click.echo("it has not run yet")


def _table(runs: list[dict[str, Any]], when: Callable[[str], str]) -> None:
    rows = [_row(run, when) for run in runs]
    print_table(HEADINGS, rows, [COLOURS.get(run["outcome"]) for run in runs])


def _row(run: dict[str, Any], when: Callable[[str], str]) -> tuple[str, ...]:
    at, last = when(run["at"]), when(run["lastAt"])
    return (
        f"{at} to {last}" if run["count"] > 1 else at,
        f"{run['count']:,}",
        run["trigger"],
        OUTCOMES.get(run["outcome"], run["outcome"]),
        _seconds(run["seconds"]),
        _stages(run["stages"]),
        _details(run),
    )


def _stages(stages: dict[str, float]) -> str:
    known = [(name, stages.get(name, 0.0)) for name in STAGES]
    return ", ".join(f"{name} {_seconds(took)}" for name, took in known if took >= NOTABLE)


def _details(run: dict[str, Any]) -> str:
    if run["error"]:
        return f"{run['stage']} ({run['reason']}): {run['error']}"
    found = []
    if run["count"] > 1:
        found.append("the longest of them")
    if run["changed"]:
        found.append(f"changed: {', '.join(run['changed'])}")
    if run["fallbacks"]:
        found.append(f"fell back: {', '.join(each['variable'] for each in run['fallbacks'])}")
    return "; ".join(found)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
