"""Whatever becomes of the tree, a loader says what a fresh load would say."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field

from repaintd.config import Configuration, ConfigurationError, Loader, Problem, load_configuration
from repaintd.config.signature import tree_signature
from repaintd.plugin import SourceSpec, SpecModel


class Http(SourceSpec):
    type: Literal["http"]
    url: str
    headers: dict[str, str] = Field(default_factory=dict)


class Mqtt(SpecModel):
    port: int = 1


TREE = {
    "repaintd.yaml": b"""\
server: { listen: "127.0.0.1:8080", apiKeys: ["${env:KEY}"] }
refresh: { perHost: 4, minTtlSeconds: 60 }
webhooks: [{ uid: a, event: "*", targetUrl: "https://example.org/h", secret: "${env:A}" }]
plugins: { mqtt: { port: 1 } }
""",
    "bindings/a.yaml": b"""\
bindings:
  - uid: one
    templateId: card
    dataSource: { type: http, url: "https://example.org/${env:A}", headers: { Accept: a } }
    mapping: { title: name, first: "items[0].name" }
    refreshPolicy: { ttlSeconds: 300 }
  - uid: two
    templateId: other
    dataSource: { type: static, data: { a: [1, 2.5, null, true] } }
    webhook: { secret: "${env:B}", debounce: 5 }
  - { uid: three, templateId: card, dataSource: { type: webhook } }
""",
    "bindings/sub/b.yaml": b"""\
bindings:
  - { uid: four, templateId: card, dataSource: { type: static, data: &d [x] }, defaults: { a: *d } }
  - { uid: five, templateId: other, dataSource: { type: http, url: "http://h" }, paused: true }
""",
    "templates/card/template.html": b"<p>{{ title }}</p>\n<i>{{ first }}</i>\n",
    "templates/card/template.yaml": b"name: Card\nwidth: 800\nvariables: { a: 1 }\n",
    "templates/card/font.woff2": bytes(range(64)),
    "templates/other/template.html": b"<b>\xc3\xa9</b>",
}
OPTIONS: dict[str, Any] = {
    "source_specs": {"http": Http},
    "settings_models": {"mqtt": Mqtt},
    "environ": {"A": "x"},
}
Outcome = Configuration | tuple[Problem, ...]


def write(root: Path, files: dict[str, bytes | None]) -> None:
    for name, body in files.items():
        path = root / name
        if body is None:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)


def fresh(root: Path) -> Outcome:
    try:
        return load_configuration(root, **OPTIONS)
    except ConfigurationError as error:
        return error.problems


def again(loader: Loader) -> Outcome:
    try:
        return loader.load()
    except ConfigurationError as error:
        return error.problems


def loader_of(root: Path) -> Loader:
    # Its stamps are believed at once: what they must tell apart, they tell apart here.
    return Loader(root, clock_ns=lambda: time.time_ns() + 60_000_000_000, **OPTIONS)


@st.composite
def mutations(draw: st.DrawFn) -> dict[str, bytes | None]:
    """Bytes flipped or cut, lines deleted, repeated or swapped, files gone, in any files."""
    changed: dict[str, bytes | None] = {}
    for name in draw(st.lists(st.sampled_from(sorted(TREE)), min_size=1, max_size=3, unique=True)):
        body = bytearray(TREE[name])
        at = draw(st.integers(0, len(body) - 1))
        kind = draw(st.sampled_from(["flip", "cut", "delete", "repeat", "swap", "gone", "insert"]))
        lines = bytes(body).splitlines(keepends=True)
        line = draw(st.integers(0, len(lines) - 1))
        if kind == "flip":
            body[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del body[at:]
        elif kind == "insert":
            body[at:at] = draw(st.sampled_from([b"\0", b"&a ", b"[", b"${", b"\xff", b"\t", b"- "]))
        elif kind == "delete":
            body = bytearray(b"".join(lines[:line] + lines[line + 1 :]))
        elif kind == "repeat":
            body = bytearray(b"".join([*lines[:line], lines[line], *lines[line:]]))
        elif kind == "swap":
            other = sorted(TREE)[draw(st.integers(0, len(TREE) - 1))]
            body = bytearray(TREE[other])
        changed[name] = None if kind == "gone" else bytes(body)
    return changed


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.tuples(mutations(), mutations()))
def test_a_mutated_tree_is_refused_or_loaded_and_its_restoration_gives_the_first_load(
    steps: tuple[dict[str, bytes | None], dict[str, bytes | None]],
):
    """Twice 150 trees."""
    directory = tempfile.mkdtemp()
    try:
        root = Path(directory)
        write(root, dict(TREE))
        loader = loader_of(root)
        first = loader.load()
        for changed in steps:
            write(root, changed)
            assert again(loader) == fresh(root)
            write(root, {name: TREE[name] for name in changed})
            assert again(loader) == first
    finally:
        shutil.rmtree(directory)


def test_restored_bytes_are_the_same_bindings_after_each_kind_of_failure(tmp_path: Path):
    write(tmp_path, dict(TREE))
    loader = loader_of(tmp_path)
    first = loader.load()
    for name in sorted(TREE):
        for broken in (b"\xff", b"[", None):
            write(tmp_path, {name: broken})
            outcome = again(loader)
            assert outcome == fresh(tmp_path)
            write(tmp_path, {name: TREE[name]})
            restored = loader.load()
            assert restored == first
            if not isinstance(outcome, Configuration):
                assert all(restored.bindings[uid] is each for uid, each in first.bindings.items())
                assert all(restored.templates[key] is each for key, each in first.templates.items())
            else:
                first = restored


def test_every_change_of_a_byte_changes_the_signature_of_the_tree(tmp_path: Path):
    write(tmp_path, dict(TREE))
    before = tree_signature(tmp_path)
    for name, body in TREE.items():
        write(tmp_path, {name: body + b"#"})
        now = tree_signature(tmp_path)
        assert now != before
        before = now
