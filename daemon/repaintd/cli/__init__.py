"""The command line."""

from __future__ import annotations

import sys

import click

from repaintd.cli.check import check
from repaintd.cli.config import config
from repaintd.cli.context import root
from repaintd.cli.deliveries import deliveries
from repaintd.cli.doctor import doctor
from repaintd.cli.events import events
from repaintd.cli.explain import explain
from repaintd.cli.listing import list_bindings
from repaintd.cli.plan import plan
from repaintd.cli.refresh import refresh
from repaintd.cli.render import render
from repaintd.cli.run import run
from repaintd.cli.schema import schema
from repaintd.cli.trigger import trigger
from repaintd.errors import ConfigurationError, RepaintdError

__all__ = ["COMMANDS", "main", "root"]

COMMANDS = (
    run,
    check,
    plan,
    config,
    schema,
    render,
    list_bindings,
    explain,
    refresh,
    trigger,
    events,
    deliveries,
    doctor,
)
for _command in COMMANDS:
    root.add_command(_command)


def main() -> None:
    """Run the command line; a user's mistake is told in words and ends with status 1."""
    try:
        sys.exit(root(standalone_mode=False) or 0)
    except click.ClickException as mistake:
        mistake.show()
        sys.exit(mistake.exit_code)
    except click.Abort:
        sys.exit(130)
    except ConfigurationError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        click.echo(f"{len(error.problems)} problem(s); nothing was changed", err=True)
        sys.exit(1)
    except RepaintdError as error:
        click.echo(f"repaintd: {error}", err=True)
        sys.exit(1)
