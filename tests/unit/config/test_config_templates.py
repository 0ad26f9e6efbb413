"""Template folders: markup, settings, assets, fingerprints, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from repaintd.config import TemplateProblem, limits
from repaintd.config.assets import media_type
from repaintd.core.binding import Origin
from repaintd.core.template import MISSING, Template, Variable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conftest import Files, Load, Problems

SETTINGS = "templates/card/template.yaml"


def card(load: Load, files: Files | None = None, **options: Any) -> Template:
    return load(files or {}, **options).templates["card"]


def test_a_template_with_the_least(load: Load):
    assert card(load) == Template(
        id="card",
        name="card",
        markup="<p>{{ title }}</p>",
        fingerprint=card(load).fingerprint,
        path="templates/card/template.html",
        origin=Origin(file="templates/card/template.html", line=1),
    )


def test_a_template_with_everything(load: Load):
    text = """
name: A card
engine: jinja
width: 800
height: 400
scale: 2
javascript: true
volatile: true
strict: true
transparent: true
variables:
  plain: 3
  listed: [1, 2]
  bare:
  described: { description: what it is }
  full: { default: null, description: what it is }
"""
    found = card(load, {SETTINGS: text, "templates/card/template.html": "\ufeffä"})
    assert found.markup == "ä"
    assert found.name == "A card"
    assert (found.width, found.height, found.scale) == (800, 400, 2.0)
    assert found.javascript is found.volatile is found.strict is found.transparent is True
    assert found.variables == {
        "plain": Variable(name="plain", default=3),
        "listed": Variable(name="listed", default=[1, 2]),
        "bare": Variable(name="bare", default=MISSING),
        "described": Variable(name="described", default=MISSING, description="what it is"),
        "full": Variable(name="full", default=None, description="what it is"),
    }


def test_an_empty_settings_file_is_harmless(load: Load):
    assert card(load, {SETTINGS: "# nothing\n"}).width == 1200


def test_assets_lie_in_memory(load: Load):
    found = card(
        load,
        {
            "templates/card/fonts/Inter.woff2": b"\x00font",
            "templates/card/logo.SVG": "<svg/>",
            "templates/card/sub/template.html": "included",
            "templates/card/.DS_Store": "hidden",
            "templates/card/.git/config": "hidden",
        },
    )
    assert {name: (each.media_type, each.body) for name, each in found.assets.items()} == {
        "fonts/Inter.woff2": ("font/woff2", b"\x00font"),
        "logo.SVG": ("image/svg+xml", b"<svg/>"),
        "sub/template.html": ("text/html", b"included"),
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.woff2", "font/woff2"),
        ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("a.JPEG", "image/jpeg"),
        ("a.webp", "image/webp"),
        ("a.gif", "image/gif"),
        ("a.css", "text/css"),
        ("a.js", "text/javascript"),
        ("a.json", "application/json"),
        ("a.b.xyz", "application/octet-stream"),
        ("Makefile", "application/octet-stream"),
    ],
)
def test_media_types(name: str, expected: str):
    assert media_type(name) == expected


def test_fingerprints_follow_what_is_drawn(load: Load):
    steps: list[Files] = [
        {},
        {"templates/card/template.html": "<b>{{ title }}</b>"},
        {SETTINGS: "width: 100"},
        {SETTINGS: "width: 100\nvariables: { a: 1 }"},
        {"templates/card/a.css": "a"},
        {"templates/card/a.css": "b"},
        {"templates/card/b.css": "b"},
    ]
    seen = [card(load, files).fingerprint for files in steps]
    assert len(set(seen)) == len(seen)
    commented = card(load, {SETTINGS: "# why\nwidth: 100\nvariables: { a: 1 }"}).fingerprint
    assert commented == seen[-1]


def test_files_beside_the_folders_are_nobodys_business(load: Load):
    assert list(load({"templates/README.md": "hello"}).templates) == ["card"]


def test_there_need_not_be_templates(tree: Path, load: Load):
    (tree / "templates" / "card" / "template.html").unlink()
    (tree / "templates" / "card").rmdir()
    (tree / "templates").rmdir()
    assert load({}).templates == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "1:1: must be a mapping (key: value)"),
        (
            "widht: 3",
            (
                "1:1: widht: unknown key; did you mean width? allowed here: engine, height, "
                "javascript, name, scale, strict, transparent, variables, volatile, width"
            ),
        ),
        ("width: 0", "1:8: width: must be at least 1"),
        ("height: 10001", "1:9: height: must be at most 10000"),
        ("width: '3'", "1:8: width: must be a whole number, without quotes"),
        ("scale: 0", "1:8: scale: must be more than 0"),
        ("scale: 4.5", "1:8: scale: must be at most 4"),
        ("scale: big", "1:8: scale: must be a number, without quotes"),
        ("engine: handlebars", "1:9: engine: must be jinja"),
        ("strict: 1", "1:9: strict: must be true or false, without quotes"),
        ("variables: [a]", "1:12: variables: must be a mapping (key: value)"),
        (
            "variables: { a: { defalt: 1 } }",
            (
                "1:19: variables.a.defalt: unknown key; did you mean default? "
                "allowed here: default, description"
            ),
        ),
        (
            "variables: { a: { description: 1 } }",
            "1:32: variables.a.description: must be text; put it in quotes",
        ),
        ("width: [", "2:1: is not YAML: while parsing a flow node did not find"),
    ],
)
def test_template_settings_that_are_wrong(problems: Problems, text: str, problem: str):
    (found,) = problems({SETTINGS: text})
    assert found.startswith(f"{SETTINGS}:{problem}")


@pytest.mark.parametrize("name", ["_shared", "-x", "a b", "x" * 65, "ä"])
def test_folders_that_are_no_template_ids(problems: Problems, name: str):
    (found,) = problems({f"templates/{name}/template.html": ""})
    assert "is no template id: it must match ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" in found


def test_a_folder_without_markup(problems: Problems):
    assert problems({"templates/x/a.css": ""}) == ["templates/x:1:1: has no template.html; add it"]


def test_whoever_names_a_broken_template_is_not_to_blame(problems: Problems):
    binding = "bindings:\n  - uid: a\n    templateId: x\n    dataSource: { type: static }\n"
    assert len(problems({"templates/x/a.css": "", "bindings/a.yaml": binding})) == 1


def test_markup_that_is_no_text(problems: Problems):
    assert problems({"templates/card/template.html": b"a\nb\xff"}) == [
        (
            "templates/card/template.html:2:2: holds the byte 0xFF, which is not UTF-8; "
            "save it as UTF-8"
        )
    ]


def test_markup_that_is_a_folder(tree: Path, problems: Problems):
    (tree / "templates" / "x" / "template.html").mkdir(parents=True)
    assert problems({}) == ["templates/x/template.html:1:1: is not a regular file; remove it"]


def test_markup_has_a_limit(problems: Problems):
    assert problems({"templates/card/template.html": "x" * (500 * 1024 + 1)}) == [
        "templates/card/template.html:1:1: is 512,001 bytes; at most 512,000 are allowed"
    ]


def test_an_asset_has_a_limit(problems: Problems):
    assert problems({"templates/card/a.png": b"x" * (10 * 1024**2 + 1)}) == [
        "templates/card/a.png:1:1: is 10,485,761 bytes; at most 10,485,760 are allowed"
    ]


@pytest.mark.parametrize(
    ("limit", "most", "message"),
    [
        ("TEMPLATE_FOLDER_BYTES", 5, "brings its template to more than 5 bytes; remove some"),
        ("TEMPLATE_FILES", 2, "brings its template to more than 2 files; remove some"),
        ("TEMPLATES_TOTAL_BYTES", 5, "brings all templates to more than 5 bytes; remove some"),
    ],
)
def test_folders_have_limits(
    problems: Problems, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, message: str
):
    monkeypatch.setattr(limits, limit, most)
    files: Files = {f"templates/card/{name}": "xy" for name in "abcd"}
    assert problems(files) == [f"templates/card/c:1:1: {message}"]


def test_there_is_a_limit_to_templates(problems: Problems, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "TEMPLATES", 1)
    assert problems({"templates/x/template.html": ""}) == [
        "templates:1:1: holds more than 1 folders; remove some"
    ]


def test_a_settings_file_of_another_name_is_pointed_out(load: Load):
    warnings = [str(each) for each in load({"templates/card/template.yml": "width: 3"}).warnings]
    assert "templates/card/template.yml:1:1: warning: is not read: only *.yaml is; rename it" in (
        warnings
    )


def test_the_engine_has_its_say(problems: Problems):
    def check(templates: Sequence[Template]) -> list[list[TemplateProblem]]:
        assert [template.markup for template in templates] == ["<p>{{ title }}</p>"]
        return [
            [
                TemplateProblem(3, 7, "unknown filter"),
                TemplateProblem(4, None, "no end"),
                TemplateProblem(1, 2, "unsafe", severity="warning", file="part.html"),
            ]
        ]

    assert problems({}, check_templates=check) == [
        "templates/card/part.html:1:2: warning: unsafe",
        "templates/card/template.html:3:7: unknown filter",
        "templates/card/template.html:4:1: no end",
    ]


def test_an_engine_without_complaints(load: Load):
    assert list(load({}, check_templates=lambda _: [()]).templates) == ["card"]
