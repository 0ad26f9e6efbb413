"""`repaintd config`: what is in effect, and where it comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from repaintd.app import load
from repaintd.app.effective import effective_binding, effective_settings
from repaintd.app.origins import binding_with_origins, settings_with_origins
from repaintd.cli.context import configured
from repaintd.cli.unknown import no_such_binding
from repaintd.cli.yaml_text import yaml_text
from repaintd.config.problem import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from repaintd.app import Options

Row = tuple[str, Any, str]


@click.command()
@configured
@click.argument("uid", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of YAML.")
@click.option("--origin", is_flag=True, help="Say where each value comes from, one per line.")
def config(options: Options, uid: str | None, *, as_json: bool, origin: bool) -> None:
    """Print the settings in effect, or binding UID, with every default filled in.

    Secrets are masked. References to secrets, like ${env:NAME}, are none, and are printed.
    """
    loaded = load(options, check_templates=False)
    rows: Iterable[Row]
    if uid is None:
        document = effective_settings(loaded)
        rows = settings_with_origins(loaded, options, document)
    else:
        binding = loaded.configuration.bindings.get(uid)
        if binding is None:
            raise no_such_binding(uid, loaded.configuration.bindings)
        document = effective_binding(loaded, binding)
        rows = binding_with_origins(loaded, binding, document)
    if origin:
        _with_origins(rows, as_json=as_json)
    else:
        click.echo(_json(document) if as_json else yaml_text(document), nl=as_json)


def _with_origins(rows: Iterable[Row], *, as_json: bool) -> None:
    if as_json:
        click.echo(_json({key: {"value": value, "origin": where} for key, value, where in rows}))
        return
    for key, value, where in rows:
        text = visible(f"{key}: {json.dumps(value, ensure_ascii=False)}")
        click.echo(f"{text}  {click.style(f'# {where}', dim=True)}")


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
