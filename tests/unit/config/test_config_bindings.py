"""Bindings: from what is written to what the daemon works with."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from repaintd.config import StaticSpec
from repaintd.core.binding import (
    ImageFormat,
    OnError,
    Origin,
    OutputConfig,
    PolicyType,
    RefreshPolicy,
)
from repaintd.core.inbound import InboundWebhook

if TYPE_CHECKING:
    from conftest import Load, Problems

    from repaintd.core.binding import Binding

FILE = "bindings/a.yaml"
STATIC = "{ type: static }"
HTTP = '{ type: http, url: "https://example.com/x" }'


def one(*more: str, uid: str = "a", source: str = STATIC) -> str:
    head = f"  - uid: {uid}\n    templateId: card\n    dataSource: {source}\n"
    return head + "".join(f"    {line}\n" for line in more)


def file(*entries: str) -> dict[str, str]:
    return {FILE: "bindings:\n" + "".join(entries)}


def binding(load: Load, *more: str, source: str = STATIC) -> Binding:
    return load(file(one(*more, source=source))).bindings["a"]


def test_a_binding_with_every_key(load: Load, http_specs):
    text = """
bindings:
  # the first one
  - uid: cpython-card
    name: CPython on GitHub
    templateId: card
    dataSource:
      type: http
      url: https://api.github.com/repos/python/cpython
      method: GET
      headers: { Accept: application/json }
      credentials: { type: bearer_token, value: "${env:GITHUB_TOKEN}" }
    mapping: { title: name, owner: owner.login, first: "items[0].name", none: "" }
    defaults: { stars: 0, nested: { a: [1, null] } }
    refreshPolicy: { type: etag, ttlSeconds: 120, onError: serve_default }
    outputConfig: { format: webp, quality: 80, width: 400, height: 200 }
    webhook: { secret: "${credential:hook}" }
    paused: true
"""
    found = load({FILE: text}, environ={"GITHUB_TOKEN": "t"}).bindings["cpython-card"]
    assert found.name == "CPython on GitHub"
    assert found.template_id == "card"
    assert found.source.type == "http"
    assert isinstance(found.source.spec, http_specs["http"])
    assert found.source.spec.url == "https://api.github.com/repos/python/cpython"
    assert found.source.host == "api.github.com"
    assert found.mapping == {
        "title": "name",
        "owner": "owner.login",
        "first": "items[0].name",
        "none": "",
    }
    assert found.defaults == {"stars": 0, "nested": {"a": [1, None]}}
    assert found.refresh == RefreshPolicy(
        type=PolicyType.ETAG, ttl_seconds=120, on_error=OnError.SERVE_DEFAULT
    )
    assert found.output == OutputConfig(format=ImageFormat.WEBP, quality=80, width=400, height=200)
    assert found.webhook == InboundWebhook(secrets=("${credential:hook}",))
    assert found.paused is True
    assert found.origin == Origin(file=FILE, line=4)


def test_a_binding_with_the_least(load: Load):
    found = binding(load)
    assert found.name == "a"
    assert found.mapping == {}
    assert found.defaults == {}
    assert found.refresh == RefreshPolicy()
    assert found.output == OutputConfig()
    assert found.webhook is None
    assert found.paused is False
    assert found.source.host == ""
    assert found.source.spec == StaticSpec()


def test_bindings_of_all_files_are_in_the_order_of_their_uids(load: Load):
    found = load(
        {
            "bindings/z.yaml": "bindings:\n" + one(uid="b") + one(uid="d"),
            "bindings/deep/er/y.yaml": "bindings:\n" + one(uid="c"),
            "bindings/a.yaml": "bindings:\n" + one(uid="e") + one(uid="a"),
            "bindings/README.md": "no YAML: at: all",
            "bindings/.hidden.yaml": "- no bindings",
            "bindings/.git/x.yaml": "- no bindings",
        }
    )
    assert list(found.bindings) == ["a", "b", "c", "d", "e"]
    assert found.warnings == ()


def test_files_named_yml_are_pointed_out(load: Load):
    warnings = [str(each) for each in load({**file(one()), "bindings/b.yml": ""}).warnings]
    assert warnings == ["bindings/b.yml:1:1: warning: is not read: only *.yaml is; rename it"]


def test_aliases_of_values(load: Load):
    found = binding(load, "refreshPolicy: { onError: error }", "outputConfig: { format: jpg }")
    assert found.refresh.on_error is OnError.SERVE_ERROR
    assert found.output.format is ImageFormat.JPEG
    assert found.filename == "a.jpeg"


@pytest.mark.parametrize("key", ["staticData", "data"])
def test_static_data(load: Load, key: str):
    found = binding(load, source=f"{{ type: static, {key}: {{ a: [1] }} }}")
    assert found.source.spec.static_data == {"a": [1]}


def test_static_data_is_no_place_for_secrets(load: Load):
    """Nobody resolves it, so nothing in it is a reference."""
    found = load(file(one(source='{ type: static, data: { a: "${x} ${env:X}" } }')))
    assert found.warnings == ()


def test_static_data_twice(problems: Problems):
    assert problems(file(one(source="{ type: static, data: 1, staticData: 2 }"))) == [
        (
            f"{FILE}:4:17: bindings[0].dataSource: has `staticData` and `data`, "
            "which are the same; keep one"
        )
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("name: 3", "5:11: bindings[0].name: must be text; put it in quotes"),
        ('name: "a\\nb"', "5:11: bindings[0].name: must be one line, without control characters"),
        (
            f"name: {'x' * 256}",
            "5:11: bindings[0].name: is too long; at most 255 characters are allowed",
        ),
        ("mapping: []", "5:14: bindings[0].mapping: must be a mapping (key: value)"),
        ("mapping: { a: 3 }", "5:19: bindings[0].mapping.a: must be text; put it in quotes"),
        (
            'mapping: { a: "x[" }',
            (
                "5:19: bindings[0].mapping.a: is no path: expected a whole number or a quoted key "
                "at character 3, found the end; correct it"
            ),
        ),
        (
            'mapping: { a: "jmespath:nope(@)" }',
            (
                "5:19: bindings[0].mapping.a: is no path: JMESPath has no function nope(), "
                "at character 10; correct it"
            ),
        ),
        ("mapping: { '': a }", '5:16: bindings[0].mapping[""]: has a key that must not be empty'),
        ("defaults: 3", "5:15: bindings[0].defaults: must be a mapping (key: value)"),
        ("refreshPolicy: 3", "5:20: bindings[0].refreshPolicy: must be a mapping (key: value)"),
        (
            "refreshPolicy: { type: etags }",
            (
                "5:28: bindings[0].refreshPolicy.type: must be one of ttl, etag, webhook, manual; "
                "did you mean etag?"
            ),
        ),
        (
            "refreshPolicy: { onError: 3 }",
            (
                "5:31: bindings[0].refreshPolicy.onError: must be one of serve_stale, "
                "serve_default, serve_error, error; choose one"
            ),
        ),
        (
            "outputConfig: { format: gif }",
            (
                "5:29: bindings[0].outputConfig.format: must be one of png, jpeg, jpg, webp, pdf; "
                "choose one"
            ),
        ),
        ("outputConfig: { width: 0 }", "5:28: bindings[0].outputConfig.width: must be at least 1"),
        (
            "outputConfig: { height: 10001 }",
            "5:29: bindings[0].outputConfig.height: must be at most 10000",
        ),
        (
            "outputConfig: { quality: 101 }",
            "5:30: bindings[0].outputConfig.quality: must be at most 100",
        ),
        ("paused: 1", "5:13: bindings[0].paused: must be true or false, without quotes"),
    ],
)
def test_bindings_that_are_wrong(problems: Problems, line: str, problem: str):
    found = problems(file(one(line)))
    assert f"{FILE}:{problem}" in found


@pytest.mark.parametrize("text", ["x" * 513, "[" * 513])
def test_mapping_paths_have_a_length(problems: Problems, text: str):
    found = problems(file(one(f"mapping: {{ a: '{text}' }}")))
    assert found[-1] == (
        f"{FILE}:5:19: bindings[0].mapping.a: is too long; at most 512 characters are allowed"
    )


def test_mappings_have_a_size(load: Load, problems: Problems):
    def entries(count: int) -> str:
        return f"mapping: {{ {', '.join(f'v{n}: p' for n in range(count))} }}"

    assert len(binding(load, entries(200)).mapping) == 200
    assert problems(file(one(entries(201)))) == [
        f"{FILE}:5:14: bindings[0].mapping: has too many entries; at most 200 are allowed"
    ]


@pytest.mark.parametrize("path", ["", "'  '", "a.b", "'items[-1].x'", "$.a", "content-type", "$"])
def test_good_paths(load: Load, path: str):
    binding(load, f"mapping: {{ a: {path or repr(path)} }}")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (
            "{}",
            (
                "4:17: bindings[0].dataSource.type: is required: one of http, static, webhook; "
                "choose one"
            ),
        ),
        (
            "{ type: htp }",
            (
                "4:25: bindings[0].dataSource.type: must be a known kind: one of http, static, "
                "webhook; did you mean http?"
            ),
        ),
        (
            "{ type: [1] }",
            (
                "4:25: bindings[0].dataSource.type: must be a known kind: one of http, static, "
                "webhook; choose one"
            ),
        ),
        ("3", "4:17: bindings[0].dataSource: must be a mapping (key: value)"),
        ("{ type: http }", "4:17: bindings[0].dataSource.url: is required; add it"),
        (
            '{ type: http, url: "ftp://x" }',
            "4:36: bindings[0].dataSource.url: must be a URL that begins with http:// or https://",
        ),
        (
            '{ type: http, url: "http://nohost" }',
            "4:17: bindings[0].dataSource: is refused: the URL names no host; correct it",
        ),
        (
            '{ type: http, url: "http://x", hedders: {} }',
            (
                "4:48: bindings[0].dataSource.hedders: unknown key; did you mean headers? "
                "allowed here: credentials, headers, method, type, url"
            ),
        ),
        (
            '{ type: http, url: "http://x", credentials: { type: bearer_token, valu: x } }',
            (
                "4:83: bindings[0].dataSource.credentials.valu: unknown key; did you mean value? "
                "allowed here: type, value"
            ),
        ),
        (
            "{ type: webhook, merge: deep }",
            (
                "4:41: bindings[0].dataSource.merge: must be one of replace, deepMerge, append; "
                "did you mean deepMerge?"
            ),
        ),
    ],
)
def test_sources_that_are_wrong(problems: Problems, source: str, problem: str):
    assert f"{FILE}:{problem}" in problems(file(one("webhook: { auth: none }", source=source)))


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("crad", "there is no folder templates/crad; did you mean card?"),
        ("other", "there is no folder templates/other; make it, or name another"),
    ],
)
def test_templates_that_do_not_exist(problems: Problems, template: str, message: str):
    files = file(one().replace("templateId: card", f"templateId: {template}"))
    assert problems(files) == [f"{FILE}:3:17: bindings[0].templateId: {message}"]


def test_fingerprints_follow_the_source_and_nothing_else(load: Load):
    first = binding(load, source=HTTP).source.fingerprint
    assert (
        first == binding(load, "name: other", "mapping: { a: b }", source=HTTP).source.fingerprint
    )
    others = [
        HTTP.replace("/x", "/y"),
        HTTP.replace(" }", ", headers: { a: b } }"),
        HTTP.replace(" }", ', credentials: { type: basic_auth, value: "${env:A}" } }'),
        STATIC,
    ]
    assert len({first, *(binding(load, source=each).source.fingerprint for each in others)}) == 5
    assert len(first) == 32


def test_equal_parts_of_bindings_are_shared(load: Load):
    more = (
        "mapping: { title: name }",
        "defaults: { stars: 0 }",
        "refreshPolicy: { ttlSeconds: 90 }",
        "outputConfig: { width: 300 }",
        "webhook: { secret: '${env:S}' }",
    )
    source = HTTP.replace(
        " }", ', headers: { a: b }, credentials: { type: basic_auth, value: "${env:A}" } }'
    )
    found = load(file(one(*more, source=source), one(*more, uid="b", source=source))).bindings
    a, b = found["a"], found["b"]
    for name in ("mapping", "defaults", "refresh", "output", "webhook", "template_id"):
        assert getattr(a, name) is getattr(b, name)
    assert a.source.host is b.source.host
    assert a.source.spec is not b.source.spec
    assert a.source.spec.headers is b.source.spec.headers
    assert a.source.spec.credentials is b.source.spec.credentials
    assert a.source.spec.model_fields_set is b.source.spec.model_fields_set
    assert a.source.spec == b.source.spec


def test_what_only_looks_equal_is_not_shared(load: Load):
    found = load(
        file(one("defaults: { stars: 0 }"), one("defaults: { stars: false }", uid="b"))
    ).bindings
    assert found["a"].defaults["stars"] == 0 or found["a"].defaults["stars"] == 0
    assert found["b"].defaults["stars"] is False


def test_the_default_interval_is_never_below_the_least(load: Load):
    files = {**file(one()), "repaintd.yaml": "refresh: { minTtlSeconds: 600 }"}
    assert load(files).bindings["a"].refresh.ttl_seconds == 600
    files["repaintd.yaml"] = "refresh: { minTtlSeconds: 1 }"
    assert load(files).bindings["a"].refresh.ttl_seconds == 300


def test_no_bindings_at_all_is_doubtful(load: Load):
    assert [str(each) for each in load({}).warnings] == [
        (
            "bindings:1:1: warning: there are no bindings: nothing will be drawn; "
            "add a file with `bindings:`"
        )
    ]


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(load: Load, problems: Problems, enabled: bool):
    was_enabled = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        load(file(one()))
        problems({FILE: "3"})
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()
