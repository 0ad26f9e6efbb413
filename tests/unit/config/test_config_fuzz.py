"""Whatever is written, the answer is a configuration or a ConfigurationError."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field

from repaintd.config import Configuration, ConfigurationError, Problem, load_configuration
from repaintd.config.yaml_reader import YamlReader
from repaintd.plugin import SpecModel

SETTINGS = """\
server: { listen: "127.0.0.1:8080", publicUrl: "http://h", apiKeys: ["${env:KEY}"] }
refresh: { concurrency: 64, perHost: 4, minTtlSeconds: 60, timeout: 30s, maxBytes: 5MiB }
egress: { allow: ["10.0.0.0/8"] }
render: { browser: auto, pages: auto, timeout: 15s }
webhooks: [{ uid: a, event: "*", targetUrl: "http://h", secret: "${env:A}" }]
plugins: { mqtt: { port: 1 } }
"""
BINDINGS = """\
bindings:
  - &one
    uid: cpython-card
    templateId: card
    dataSource:
      type: http
      url: https://api.example.com/x
      headers: { Accept: "application/json", x: "${env:X}" }
    mapping: { title: name, first: "items[0].name", j: "jmespath:a[?b]" }
    defaults: { stars: 0, a: [*two] }
    refreshPolicy: { type: ttl, ttlSeconds: 300, onError: serve_stale }
    outputConfig: { format: png, quality: 90 }
    webhook: { secret: "${credential:hook}" }
  - { uid: b, templateId: card, dataSource: { type: static, data: &two { a: [1, 2.5, null] } } }
"""
TEMPLATE = """\
name: Card
width: 800
scale: 2
variables: { a: 1, b: { default: 2, description: text } }
"""
ODD = [
    *("&a ", "*a ", "!!str ", "<<: ", "? ", "- ", ": ", "{", "}", "[", "]", '"', "'", "|", ">"),
    *("#", "\t", "\n", "\r", "\0", "\x85", "\u2028", "\ufeff", "---\n", "...\n", "%YAML 1.1\n"),
    *("${", "${env:", "$${", ".inf", ".nan", "1e999", "9" * 30, "0x", "0o8", "-", "~", "null"),
    *("true", "é", "😀", "\\ud800", '"\\x00"', "[" * 70, "uid", "type", "static", "webhook"),
    *("bindings", "=", "@", "`", "1_0", "12:30"),
]


class Mqtt(SpecModel):
    port: int = 1


@st.composite
def mutated(draw: st.DrawFn, text: str) -> bytes:
    """*text* with a few cuts, insertions, repetitions and broken bytes."""
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        piece = draw(
            st.one_of(st.sampled_from(ODD), st.text(max_size=6), st.just(text[start:end] * 2))
        )
        text = text[:start] + piece + text[end:]
    body = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.binary(max_size=3)) + body[at:]
    return body


def loaded(files: dict[str, bytes]) -> Configuration | tuple[Problem, ...]:
    from typing import Literal

    from repaintd.plugin import SourceSpec

    class Http(SourceSpec):
        type: Literal["http"]
        url: str
        headers: dict[str, str] = Field(default_factory=dict)

    with tempfile.TemporaryDirectory() as directory:
        for name, body in files.items():
            path = Path(directory, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        try:
            return load_configuration(
                Path(directory),
                source_specs={"http": Http},
                settings_models={"mqtt": Mqtt},
                environ={},
            )
        except ConfigurationError as error:
            return error.problems


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated(SETTINGS), mutated(BINDINGS), mutated(TEMPLATE))
def test_mutated_files_never_raise_anything_but_configuration_error(
    settings_file: bytes, bindings: bytes, template: bytes
):
    found = loaded(
        {
            "repaintd.yaml": settings_file,
            "bindings/a.yaml": bindings,
            "templates/card/template.html": b"x",
            "templates/card/template.yaml": template,
        }
    )
    problems = found.warnings if isinstance(found, Configuration) else found
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert str(problem).isprintable()


PRINTABLE = st.characters(exclude_categories=["Cs", "Cc", "Cn", "Zl", "Zp"])
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(PRINTABLE, max_size=20),
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(PRINTABLE, max_size=8), inner, max_size=4),
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents)
def test_json_is_read_as_itself(value: Any):
    """JSON is YAML 1.2, but for characters that YAML wants escaped."""
    import json

    document, problems = YamlReader().read("f", json.dumps(value, ensure_ascii=False, indent=1))
    assert problems == []
    assert document is not None
    assert document.value == value
