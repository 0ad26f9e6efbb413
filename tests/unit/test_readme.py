"""The README's reference is complete: every key, metric, event, command, option and filter."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import prometheus_client
import pytest

from repaintd.app import Options, load
from repaintd.cli import root
from repaintd.config import json_schema
from repaintd.core.event import NAMES
from repaintd.metrics import METRICS
from repaintd.registry import discover
from repaintd.registry.discovery import settings_models, source_specs
from repaintd.render.filters import build_filters
from repaintd_chromium.metrics import Metrics as RenderMetrics
from repaintd_mqtt.metrics import Metrics as MqttMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"`([^`\n]+)`", README))
NAMED = {word.partition("{")[0].partition("(")[0] for word in WORDS} | WORDS


def chapter(title: str) -> str:
    """The text from one heading to the next of its kind."""
    start = README.index(f"### {title}")
    return README[start : README.index("\n##", start + 4)]


def keys(schema: dict[str, Any], node: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Every key of a JSON Schema, with dots; items of lists with []."""
    node = resolved(schema, node)
    for option in (o for kind in ("anyOf", "oneOf", "allOf") for o in node.get(kind, ())):
        yield from keys(schema, option, prefix)
    for name, child in node.get("properties", {}).items():
        inner = list(keys(schema, child, f"{prefix}{name}."))
        items = resolved(schema, child).get("items")
        if isinstance(items, dict):
            inner += keys(schema, items, f"{prefix}{name}[].")
        yield from inner or [f"{prefix}{name}"]


def resolved(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def all_keys(which: Any) -> set[str]:
    records = discover()
    schema = json_schema(source_specs(records), settings_models(records), which=which)
    return set(keys(schema, schema))


def test_every_setting_is_explained():
    text = chapter("repaintd.yaml")
    missing = {key for key in all_keys("repaintd.yaml") if f"`{key}`" not in text}
    assert missing == set()


def test_every_key_of_a_binding_is_explained():
    text = chapter("Bindings:")
    found = {key.removeprefix("bindings[].") for key in all_keys("bindings")}
    assert {"uid", "dataSource.url", "dataSource.merge", "refreshPolicy.onError"} <= found
    missing = {
        key for key in found if f"`{key}`" not in text and f"`{key.rpartition('.')[2]}`" not in text
    }
    assert missing - {"dataSource.data"} == set(), "`data` is another spelling of `staticData`"


def test_every_key_of_a_template_is_explained():
    text = chapter("Templates:")
    found = {key.partition(".")[0] for key in all_keys("template.yaml")}
    assert {key for key in found if f"`{key}`" not in text} == set()


def test_every_metric_is_explained():
    registry = prometheus_client.CollectorRegistry()
    RenderMetrics(registry)
    MqttMetrics(registry)
    of_plugins = {name for family in registry.collect() for name in sample_names(family)}
    text = chapter("Metrics")
    names = {metric.name for metric in METRICS} | of_plugins
    assert "repaintd_render_queue_depth" in names
    assert {name for name in names if f"`{name}" not in text} == set()
    told = set(re.findall(r"`(repaintd_\w+)", text))
    assert told <= names, "the README explains a metric that there is not"


def sample_names(family: Any) -> set[str]:
    if family.type == "counter":
        return {f"{family.name}_total"}
    return {family.name}


def test_every_event_is_explained():
    text = chapter("Events")
    assert {name for name in NAMES if f"`{name}`" not in text} == set()


def test_every_command_and_option_is_explained():
    text = chapter("Commands")
    for name, command in root.commands.items():
        assert f"`repaintd {name}" in text, name
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert any(option in text for option in parameter.opts), (name, parameter.opts)


def test_every_filter_is_explained():
    assert {name for name in build_filters(lambda: 0.0) if name not in NAMED} == set()


def test_every_file_that_the_readme_links_to_is_there():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_configuration_of_the_tour_is_valid(tmp_path: Path):
    written = re.findall(r"cat (>>?) (config/\S+) <<'(\w+)'\n(.*?)\n\3\n", README, re.DOTALL)
    assert [name for _, name, _, _ in written][-2:] == [
        "config/bindings/pushed.yaml",
        "config/repaintd.yaml",
    ]
    secrets = {"HOOK_SECRET": "hook", "OUT_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    for mode, name, _, text in written:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if mode == ">>" else "w", encoding="utf-8") as file:
            file.write(text + "\n")
    loaded = load(Options(directory=tmp_path / "config", environ=secrets))
    assert list(loaded.configuration.bindings) == ["price", "pushed"]
    assert [each.uid for each in loaded.configuration.settings.webhooks] == ["my-receiver"]
    assert loaded.configuration.warnings == ()


def test_the_plugin_of_the_readme_is_a_plugin():
    (source,) = re.findall(r"```python\n(# repaintd_dice\.py\n.*?)```", README, re.DOTALL)
    names: dict[str, Any] = {"__name__": "repaintd_dice"}
    exec(compile(textwrap.dedent(source), "repaintd_dice.py", "exec", dont_inherit=True), names)  # noqa: S102 - ours
    from repaintd.plugin import Plugin

    assert isinstance(names["Dice"](), Plugin)
    assert names["DiceSpec"](type="dice").sides == 6


@pytest.mark.parametrize("word", ["TODO", "FIXME", "lorem"])
def test_nothing_is_left_to_be_written(word: str):
    assert word not in README
