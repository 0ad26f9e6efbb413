"""The YAML reader: YAML 1.2 rules, budgets, places. Everything with libyaml and without."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from repaintd.config import limits
from repaintd.config.document import Document
from repaintd.config.yaml_places import LOADER, find_places
from repaintd.config.yaml_reader import YamlReader

LOADERS = [yaml.BaseLoader, *([yaml.CBaseLoader] if yaml.__with_libyaml__ else [])]


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def loader(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def reader(loader: Any) -> YamlReader:
    return YamlReader(loader)


def values(reader: YamlReader, text: str) -> Any:
    document, problems = reader.read("f.yaml", text)
    assert problems == []
    assert document is not None
    return document.value


def complaints(reader: YamlReader, text: str) -> list[str]:
    _, problems = reader.read("f.yaml", text)
    return [str(problem) for problem in problems]


def test_the_fast_loader_is_used_where_there_is_one():
    assert LOADER is LOADERS[-1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'null'", "null"),
        ("010", 10),
        ("0123", 123),
        ("-0", 0),
        ("-17", -17),
        ("+3", 3),
        ("0o17", 15),
        ("0x1F", 31),
        ("-0x1F", "-0x1F"),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2024-02-30", "2024-02-30"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-1.", -1.0),
        ("1.2.3", "1.2.3"),
        (".", "."),
        ("'010'", "010"),
        ('"\\u00e9"', "é"),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("0" * 5000 + "7", 7),
        ("=", "="),
        ('"<<"', "<<"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
        ("x" * 100, "x" * 100),
        ("'" + "x" * 100 + "'", "x" * 100),
    ],
)
def test_bad_input_6_scalars_follow_the_core_schema_of_yaml_1_2(
    reader: YamlReader, text: str, value: Any
):
    found = values(reader, f"a: {text}")["a"]
    assert found == value
    assert type(found) is type(value)


def test_keys_are_texts_whatever_they_look_like(reader: YamlReader):
    assert values(reader, "404: a\non: b\nnull: c\n'<<': d\n") == {
        "404": "a",
        "on": "b",
        "null": "c",
        "<<": "d",
    }


def test_equal_texts_are_one_object(reader: YamlReader):
    first = values(reader, "a: serve_stale\nb: 'quoted text'")
    second = values(reader, "a: serve_stale\nb: 'quoted text'")
    assert first["a"] is second["a"]
    assert first["b"] is second["b"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("d: .inf", "f.yaml:1:4: d: must be a finite number; quote it if it is meant as text"),
        ("d: -.INF", "f.yaml:1:4: d: must be a finite number; quote it if it is meant as text"),
        ("d: .nan", "f.yaml:1:4: d: must be a finite number; quote it if it is meant as text"),
        ("d: 1e999", "f.yaml:1:4: d: is too large for a number; quote it if it is meant as text"),
        (
            "d: " + "9" * 5000,
            "f.yaml:1:4: d: is a number of more than 64 bits; quote it if it is meant as text",
        ),
        (
            "d: 18446744073709551616",
            "f.yaml:1:4: d: is a number of more than 64 bits; quote it if it is meant as text",
        ),
        (
            "d: 0xFFFFFFFFFFFFFFFFF",
            "f.yaml:1:4: d: is a number of more than 64 bits; quote it if it is meant as text",
        ),
    ],
)
def test_bad_input_4_numbers_that_json_cannot_hold_are_refused(
    reader: YamlReader, text: str, problem: str
):
    assert complaints(reader, text) == [problem]


def test_bad_input_4_a_date_that_does_not_exist_is_text(reader: YamlReader):
    assert values(reader, "d: 2024-02-30") == {"d": "2024-02-30"}


def test_bad_input_5_duplicate_keys_name_both_lines(reader: YamlReader):
    document, problems = reader.read("f.yaml", "a:\n  x: 1\n  y: 2\n  'x': 3\nb: 1\nb: 2\n")
    assert [str(problem) for problem in problems] == [
        "f.yaml:4:3: a.x: is given twice, first on line 2; remove one of them",
        "f.yaml:6:1: b: is given twice, first on line 5; remove one of them",
    ]
    assert document is not None
    assert document.value == {"a": {"x": 1, "y": 2}, "b": 1}


def bomb(levels: int, width: int) -> str:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines)


def test_bad_input_1_an_alias_bomb_is_refused_before_anything_walks_it(reader: YamlReader):
    text = bomb(9, 9)
    assert complaints(reader, text) == [
        "f.yaml:7:40: a6[6]: aliases stand for more than 1,000,000 values; write fewer of them"
    ]


def test_bad_input_1_the_budget_holds_for_all_files_together(reader: YamlReader):
    for _ in range(7):
        values(reader, bomb(6, 9))
    assert complaints(reader, bomb(6, 9)) == [
        "f.yaml:5:40: a4[6]: aliases stand for more than 1,000,000 values; write fewer of them"
    ]


def test_bad_input_1_big_files_without_anchors_are_fine(reader: YamlReader):
    items = 2_000
    found = values(reader, "".join(f"- {{a: {n}, b: [x, y]}}\n" for n in range(items)))
    assert len(found) == items
    assert reader.alias_nodes == 0
    assert reader.nodes == 1 + 5 * items


def test_honest_aliases_work_and_are_counted(reader: YamlReader):
    found = values(reader, "a: &a {x: 1, y: 2}\nb: *a\nc: &c text\nd: *c\n")
    assert found == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, "c": "text", "d": "text"}
    assert reader.alias_nodes == 3 + 1


def test_an_anchor_may_be_given_anew(reader: YamlReader):
    assert values(reader, "[&a 1, *a, &a 2, *a]") == [1, 1, 2, 2]


def test_bad_input_2_a_recursive_alias_is_refused(reader: YamlReader):
    assert complaints(reader, "a: &a [*a]") == [
        "f.yaml:1:8: a[0]: *a stands inside what it names; write it out"
    ]


def test_an_alias_of_nothing_is_refused(reader: YamlReader):
    assert complaints(reader, "a: *b") == [
        "f.yaml:1:4: a: *b names an anchor that does not stand above it"
    ]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_bad_input_3_five_thousand_levels_are_refused_without_recursion_error(
    reader: YamlReader, opening: str
):
    (problem,) = complaints(reader, opening * 5000)
    assert problem.endswith("is nested more than 64 deep; make it flatter")
    assert len(problem) < 400


def test_the_allowed_depth_is_allowed(reader: YamlReader):
    depth = limits.YAML_DEPTH
    value = values(reader, "[" * depth + "]" * depth)
    for _ in range(depth - 1):
        (value,) = value
    assert value == []


def test_too_many_nodes_of_all_files_are_refused(
    reader: YamlReader, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "YAML_NODES", 10)
    values(reader, "[1, 2, 3]")
    assert complaints(reader, "a: [1, 2, 3, 4]\nb: []\n") == [
        "f.yaml:2:4: b: brings all files to more than 10 values; that is too many"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "a: !!python/object/apply:os.system [reboot]",
            (
                "f.yaml:1:4: a: has the tag !!python/object/apply:os.system; tags are not allowed, "
                "remove it"
            ),
        ),
        ("a: !!str 010", "f.yaml:1:4: a: has the tag !!str; tags are not allowed, remove it"),
        ("a: !own {}", "f.yaml:1:4: a: has the tag !own; tags are not allowed, remove it"),
        ("a: ! x", "f.yaml:1:4: a: has the tag !; tags are not allowed, remove it"),
        (
            "!!str a: 1",
            "f.yaml:1:1: a: has a key with an anchor or a tag; write the key alone",
        ),
        ("&k a: 1", "f.yaml:1:1: a: has a key with an anchor or a tag; write the key alone"),
    ],
)
def test_bad_input_7_tags_are_refused(reader: YamlReader, text: str, problem: str):
    assert complaints(reader, text) == [problem]


def test_merge_keys_are_refused_with_the_way_out(reader: YamlReader):
    assert complaints(reader, "a: &a {x: 1}\nb:\n  <<: *a\n") == [
        (
            'f.yaml:3:3: b["<<"]: merge keys (<<) are not in YAML 1.2; '
            "write the keys out, or alias each value"
        )
    ]


@pytest.mark.parametrize("text", ["? [a]\n: b", "{*a : b}", "? {a: 1}\n: b"])
def test_keys_that_are_no_text_are_refused(reader: YamlReader, text: str):
    (problem,) = complaints(reader, text)
    assert problem.endswith(": has a key that is not plain text; write the key out")


def test_bad_input_10_an_empty_file_is_nothing(reader: YamlReader):
    for text in ("", "\n", "# only a comment\n", "---\n", "--- ~\n...\n"):
        assert values(reader, text) is None


def test_bad_input_10_a_second_document_is_refused(reader: YamlReader):
    assert complaints(reader, "a: 1\n---\nb: 2\n") == [
        "f.yaml:2:1: holds a second document; keep one per file, without `---` between"
    ]


def test_bad_input_10_a_tab_is_named(reader: YamlReader):
    assert complaints(reader, "a:\n\t- b\n") == [
        "f.yaml:2:1: is not YAML: a tab cannot indent; use spaces"
    ]


@pytest.mark.parametrize(
    ("character", "name"), [("\0", "U+0000"), ("\x1b", "U+001B"), ("\ufffe", "U+FFFE")]
)
def test_bad_input_10_control_characters_have_a_place(
    reader: YamlReader, character: str, name: str
):
    assert complaints(reader, f"a: 1\nb: x{character}y\n") == [
        f"f.yaml:2:5: holds {name}, which YAML does not allow; remove it or write an escape"
    ]


def test_bad_input_10_a_byte_order_mark_is_harmless(reader: YamlReader):
    assert values(reader, "\ufeffa: 1") == {"a": 1}


@pytest.mark.parametrize("text", ['a: "\\ud800"', 'a: "\\UFFFFFFFF"', 'a: "\\U00110000"'])
def test_escapes_of_no_character_are_refused(reader: YamlReader, text: str):
    (problem,) = complaints(reader, text)
    assert problem.startswith("f.yaml:1:")


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "a: 'x", "a: @x", "k: |\n  a\n b", "%A\n%A"])
def test_broken_syntax_has_a_place_and_keeps_what_was_found_before(reader: YamlReader, text: str):
    found = complaints(reader, f"x: 1\nx: 2\n{text}")
    assert found[0] == "f.yaml:2:1: x: is given twice, first on line 1; remove one of them"
    assert len(found) == 2
    assert "is not YAML:" in found[1]


def test_places_are_those_of_values_and_of_keys(loader: Any):
    text = "a:\n  - b: 1\n    c: [x, y]\n  - *z\n"
    place = find_places(text.replace("*z", "&z z"), loader)
    document = Document("f", text.replace("*z", "z"), None, loader=loader)
    assert place.at == (1, 1)
    assert document.place(("a",)) == (2, 3)
    assert document.place(("a",), key=True) == (1, 1)
    assert document.place(("a", 0)) == (2, 5)
    assert document.place(("a", 0), key=True) == (2, 5)
    assert document.place(("a", 0, "c", 1)) == (3, 12)
    assert document.place(("a", 0, "absent")) == (2, 5)
    assert document.place(("a", 1)) == (4, 5)


def test_places_of_duplicates_are_those_of_the_first(loader: Any):
    assert find_places("a: 1\na: 2\n", loader).children["a"].at == (1, 4)


def test_what_lies_behind_an_alias_is_at_the_alias(loader: Any):
    document = Document("f", "a: &a {x: 1}\nb: *a\n", None, loader=loader)
    assert document.place(("b", "x")) == (2, 4)


def test_an_empty_text_has_one_place(loader: Any):
    assert Document("f", "", None, loader=loader).place(("a",)) == (1, 1)


def test_lines_of_mappings_near_the_root_are_known_without_places(reader: YamlReader):
    document, _ = reader.read("f", "bindings:\n  - uid: a\n\n  - uid: b\n")
    assert document is not None
    assert [document.line_of(item) for item in document.value["bindings"]] == [2, 4]
    assert document.line_of({}) == 1
