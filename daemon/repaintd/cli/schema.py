"""`repaintd schema`: JSON Schema of the files, for editors and other tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from repaintd.config import WHICH, json_schema
from repaintd.registry import discover
from repaintd.registry.discovery import settings_models, source_specs

if TYPE_CHECKING:
    from repaintd.config.schema import Which


@click.command()
@click.argument("which", type=click.Choice(WHICH), default="bindings")
def schema(which: Which) -> None:
    """Print the JSON Schema (2020-12) of one kind of file.

    WHICH is bindings (the default), repaintd.yaml or template.yaml. What installed plugins add is
    part of it.
    """
    records = discover()
    document = json_schema(
        source_specs=source_specs(records), settings_models=settings_models(records), which=which
    )
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
