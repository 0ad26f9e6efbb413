"""The example configuration is real: it loads without a word, and its templates take a knock."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from repaintd.config import Configuration, load_configuration
from repaintd.core.binding import ImageFormat
from repaintd.core.mapping import map_document
from repaintd.core.state import BindingState, StoredImage
from repaintd.core.status import Daemon, binding_document, status_document
from repaintd.core.template import MISSING, Template
from repaintd.core.view import Tally, View
from repaintd.registry import discover
from repaintd.registry.discovery import settings_models, source_specs
from repaintd.render.check import check_templates
from repaintd.render.environment import build_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG = Path(__file__).parents[2] / "config"
NOON = 1_795_171_331.0
TEMPLATES = sorted(path.name for path in (CONFIG / "templates").iterdir())
LONG = "Ein sehr langer Text & <b>markup</b> " * 40


@cache
def example() -> Configuration:
    records = discover()
    return load_configuration(
        CONFIG,
        source_specs=source_specs(records),
        settings_models=settings_models(records),
        environ={},
    )


def expand(template: Template, variables: Mapping[str, Any]) -> str:
    environment = build_environment(lambda: NOON, strict=True, fuel=10_000_000)
    declared = {name: variable.default for name, variable in template.variables.items()}
    return environment.render_str(template.markup, "template.html", **{**declared, **variables})


def status() -> dict[str, Any]:
    """The daemon's own document, with every example binding in it and an image of each."""
    image = StoredImage(
        etag="e", size=1, format="png", media_type="image/png", width=2, height=3, published_at=NOON
    )
    views = [
        View(binding=each, state=BindingState(uid=each.uid, image=image, last_render_at=NOON))
        for each in example().bindings.values()
    ]
    daemon = Daemon(version="1", started_at=0, now=NOON, ready=True, public_url="http://localhost")
    return status_document(views, {}, daemon, events={})


def test_it_loads_without_problems_and_without_warnings() -> None:
    assert list(example().warnings) == []


def test_what_it_draws_covers_every_format_and_every_kind_of_source() -> None:
    drawn = [binding for binding in example().bindings.values() if not binding.paused]
    assert {binding.output.format for binding in drawn} == set(ImageFormat)
    assert {binding.source.type for binding in drawn} >= {"http", "static", "webhook"}


def test_it_needs_no_internet_and_no_secret() -> None:
    for binding in example().bindings.values():
        if binding.source.type == "http" and not binding.paused:
            assert binding.source.host == example().settings.server.listen
    assert "${" not in "".join(
        line.split("#")[0]
        for path in CONFIG.rglob("*.yaml")
        for line in path.read_text("utf-8").splitlines()
    )


def test_the_self_portrait_finds_all_it_asks_for_in_the_status() -> None:
    binding = example().bindings["self-portrait"]
    template = example().templates[binding.template_id]
    mapped = map_document(binding, template, status())
    assert mapped.fallbacks == ()
    assert len(mapped.variables["bindings"]) == len(example().bindings)
    assert "Welcome" in expand(template, mapped.variables)


def test_the_data_sheet_finds_all_it_asks_for_in_the_status_of_one_binding() -> None:
    binding = example().bindings["datasheet"]
    template = example().templates[binding.template_id]
    welcome = next(each for each in status()["bindings"] if each["uid"] == "welcome")
    mapped = map_document(binding, template, welcome)
    assert [fallback.variable for fallback in mapped.fallbacks] == ["error"]
    assert "announcement" in expand(template, mapped.variables)


def test_a_binding_without_an_image_has_a_data_sheet_too() -> None:
    binding = example().bindings["datasheet"]
    template = example().templates[binding.template_id]
    view = View(binding=example().bindings["weather"], state=BindingState(uid="weather"))
    document = binding_document(view, Tally(), "http://localhost")
    assert "weather" in expand(template, map_document(binding, template, document).variables)


def test_the_weather_can_be_drawn_before_the_first_report() -> None:
    binding = example().bindings["weather"]
    template = example().templates[binding.template_id]
    mapped = map_document(binding, template, MISSING)
    assert mapped.complete
    assert "Lisbon" in expand(template, mapped.variables)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_can_be_drawn_without_any_data(name: str) -> None:
    template = example().templates[name]
    assert all(variable.default is not MISSING for variable in template.variables.values())
    assert "</html>" in expand(template, {})


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_escapes_what_it_is_given(name: str) -> None:
    template = example().templates[name]
    texts = {key: LONG for key, value in template.variables.items() if value.default == ""}
    if name == "repo-card":
        del texts["pushedAt"]
    markup = expand(template, texts)
    assert "&lt;b&gt;" in markup
    assert "<b>markup" not in markup


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_uses_the_fonts_that_come_along_and_no_script(name: str) -> None:
    template = example().templates[name]
    assert '<link rel="stylesheet" href="/_repaintd/fonts/fonts.css">' in template.markup
    assert not template.javascript
    assert "<script" not in template.markup
    assert "http://" not in template.markup
    assert "https://" not in template.markup


def test_the_template_checker_has_nothing_to_say() -> None:
    assert [
        list(map(str, found)) for found in check_templates([*example().templates.values()])
    ] == [[] for _ in TEMPLATES]


def test_every_template_is_used() -> None:
    used = {binding.template_id for binding in example().bindings.values()}
    assert used == set(TEMPLATES)
