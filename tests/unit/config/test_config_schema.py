"""JSON Schema of what users write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from repaintd.config import WHICH, json_schema
from repaintd.plugin import SourceSpec, SpecModel

if TYPE_CHECKING:
    from conftest import Files, Load, Problems


class Mqtt(SpecModel):
    host: str = "localhost"


@pytest.fixture
def schemas(http_specs: dict[str, type[SourceSpec]]) -> dict[str, dict[str, Any]]:
    return {which: json_schema(http_specs, {"mqtt": Mqtt}, which=which) for which in WHICH}


def test_there_is_one_for_each_kind_of_file(schemas: dict[str, dict[str, Any]]):
    assert list(schemas) == ["repaintd.yaml", "bindings", "template.yaml"]
    for schema in schemas.values():
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        json.dumps(schema, allow_nan=False)


def test_an_unknown_kind_of_file_is_a_bug():
    with pytest.raises(AssertionError):
        json_schema({}, {}, which="other")  # type: ignore[arg-type]  # on purpose


BINDING = "{ uid: a, templateId: card, dataSource: { type: http, url: 'http://x' } }"

APPEND = "type: webhook, merge: append"

GOOD = {
    "repaintd.yaml": [
        "{}",
        "server: { listen: 'h:1', apiKeys: [], placeholder: pixel }",
        "refresh: { timeout: 30s, maxBytes: 5MiB, concurrency: 3 }",
        "refresh: { timeout: 30, maxBytes: 5 }",
        "render: { pages: auto }",
        "render: { pages: 3 }",
        "plugins: { mqtt: { host: h } }",
        "plugins: { mqtt: null }",
        "webhooks: [{ uid: a, event: '*', targetUrl: 'https://h/', secret: '${env:A}' }]",
    ],
    "bindings": [
        "{}",
        f"bindings: [{BINDING}]",
        "bindings: [{ uid: a, templateId: b, dataSource: { type: static, data: 1 } }]",
        "bindings: [{ uid: a, templateId: b, dataSource: { type: webhook, merge: append } }]",
        f"bindings: [{BINDING[:-1]}, outputConfig: {{ format: jpg }}, webhook: null }}]",
        f"bindings: [{BINDING[:-1]}, refreshPolicy: {{ ttlSeconds: 5, onError: error }} }}]",
        f"bindings: [{BINDING[:-1]}, webhook: {{ auth: none, debounce: 0, maxWait: 1h }} }}]",
        f"bindings: [{BINDING[:-1]}, webhook: {{ auth: token, secret: s, compressed: true }} }}]",
        f"bindings: [{{ uid: a, templateId: b, dataSource: {{ {APPEND}, keep: 3 }} }}]",
    ],
    "template.yaml": ["{}", "{ width: 3, variables: { a: 3, b: null, c: { default: [1] } } }"],
}
BAD = {
    "repaintd.yaml": [
        "[]",
        "servers: {}",
        "server: { apiKeys: key }",
        "refresh: { per_host: 3 }",
        "render: { pages: many }",
        "plugins: { mqqt: { host: h } }",
        "plugins: { mqtt: { prot: 3 } }",
    ],
    "bindings": [
        "[]",
        "binding: []",
        "bindings: [{}]",
        f"bindings: [{BINDING.replace('http,', 'ftp,')}]",
        f"bindings: [{BINDING.replace('url', 'uri')}]",
        f"bindings: [{BINDING.replace('uid: a', 'uid: A')}]",
        f"bindings: [{BINDING.replace('type: http, ', '')}]",
        f"bindings: [{BINDING[:-1]}, refreshPolicy: {{ ttlSeconds: 0 }} }}]",
        f"bindings: [{BINDING[:-1]}, webhook: {{ auth: tokens, secret: s }} }}]",
        f"bindings: [{BINDING[:-1]}, webhook: {{ auth: none, debounce: true }} }}]",
        f"bindings: [{BINDING[:-1]}, webhook: {{ auth: none, maxwait: 3 }} }}]",
        f"bindings: [{BINDING[:-1]}, webhook: {{ auth: none, compressed: 1 }} }}]",
        f"bindings: [{{ uid: a, templateId: b, dataSource: {{ {APPEND}, keep: 0 }} }}]",
    ],
    "template.yaml": ["[]", "{ width: 0 }", "{ widht: 3 }", "{ engine: php }"],
}


@pytest.mark.parametrize("which", WHICH)
def test_schemas_say_what_the_loader_says(which: str, schemas: dict[str, dict[str, Any]]):
    Draft202012Validator.check_schema(schemas[which])
    validator = Draft202012Validator(schemas[which])
    for text in GOOD[which]:
        validator.validate(yaml.safe_load(text))
    for text in BAD[which]:
        assert not validator.is_valid(yaml.safe_load(text)), text


FILES = {
    "repaintd.yaml": "repaintd.yaml",
    "bindings": "bindings/a.yaml",
    "template.yaml": "templates/card/template.yaml",
}


@pytest.mark.parametrize("which", WHICH)
def test_the_loader_says_what_schemas_say(which: str, load: Load, problems: Problems):
    options: dict[str, Any] = {"settings_models": {"mqtt": Mqtt}}
    others: Files = {
        "templates/b/template.html": "",
        "repaintd.yaml": "refresh: { minTtlSeconds: 1 }",
    }
    for text in GOOD[which]:
        load({**others, FILES[which]: text}, **options)
    for text in BAD[which]:
        assert problems({FILES[which]: text}, **options)


def test_the_kinds_of_sources_are_those_that_are_installed(schemas: dict[str, dict[str, Any]]):
    kinds = schemas["bindings"]["$defs"]["BindingModel"]["properties"]["dataSource"]["oneOf"]
    assert [kind["allOf"][1]["properties"]["type"]["const"] for kind in kinds] == [
        "static",
        "webhook",
        "http",
    ]


def test_secrets_are_marked(schemas: dict[str, dict[str, Any]]):
    keys = schemas["repaintd.yaml"]["$defs"]["ServerSettings"]["properties"]["apiKeys"]
    assert keys["items"]["writeOnly"] is True
