"""A binding and a template that are valid, for tests that change one thing of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from repaintd.core.binding import Binding, SourceConfig
from repaintd.core.template import Template


def sample_binding(**changes: Any) -> Binding:
    """A binding called `card` with an `http` source; *changes* replace fields of it."""
    binding = Binding(
        uid="card",
        name="Card",
        template_id="plain",
        source=SourceConfig(type="http", spec=None, fingerprint="source-1", host="example.org:443"),
        mapping={"title": "title"},
    )
    return replace(binding, **changes)


def sample_template(**changes: Any) -> Template:
    """A template called `plain` that shows a title; *changes* replace fields of it."""
    template = Template(id="plain", markup="<h1>{{ title }}</h1>", fingerprint="template-1")
    return replace(template, **changes)
