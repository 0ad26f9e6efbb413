from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repaintd.render.lexer import column_of, line_of, pieces_of, used_filters, used_tests


def cut(source: str) -> list[tuple[str, list[str]]]:
    return [
        (piece.kind, [token.text for token in piece.tokens] or [piece.text])
        for piece in pieces_of(source)
    ]


@pytest.mark.parametrize(
    ("source", "pieces"),
    [
        ("a{{ b.c }}d", [("text", ["a"]), ("print", ["b", ".", "c"]), ("text", ["d"])]),
        ("{%- if x -%}", [("do", ["if", "x"])]),
        ("{{- x +}}", [("print", ["x"])]),
        ("a{# {{ b }} #}c{# d", [("text", ["a"]), ("text", ["c"])]),
        ("{% raw %}{{ x }}{% endraw %}y", [("text", ["{{ x }}"]), ("text", ["y"])]),
        ("{% raw %}{{ x }}", [("text", ["{{ x }}"])]),
        ("{{ {'a': {1: 2}} }}", [("print", ["{", "'a'", ":", "{", "1", ":", "2", "}", "}"])]),
        ("{{ '}}' ~ \"\\\"%}\" }}", [("print", ["'}}'", "~", '"\\"%}"'])]),
        ("{{ a % b - 1.5e3 // 2 }}", [("print", ["a", "%", "b", "-", "1.5e3", "//", "2"])]),
        ("{{ 2 ** 3 >= 4 }}", [("print", ["2", "**", "3", ">=", "4"])]),
        ("{{ größe }}", [("print", ["größe"])]),
        ("{{ a %} }}", [("print", ["a", "%", "}"])]),
        ("{{ never ended", [("text", ["{{ never ended"])]),
    ],
)  # fmt: skip
def test_a_source_is_cut_into_text_and_code(source, pieces):
    assert cut(source) == pieces


def test_filters_and_tests_are_found_by_name():
    (piece,) = pieces_of("{{ a|upper|join('|lower') is defined and b is not none and x.is y }}")
    assert [token.text for token in used_filters(piece)] == ["upper", "join"]
    assert [token.text for token in used_tests(piece)] == ["defined", "none"]
    (piece,) = pieces_of("{{ a is }}")
    assert list(used_tests(piece)) == []


def test_positions_count_from_one():
    source = "ab\ncé{{ x }}"
    token = list(pieces_of(source))[1].tokens[0]
    assert (line_of(source, token.offset), column_of(source, token.offset)) == (2, 6)


@given(st.text("{}%#'\"\\ raw|isx-+\n", max_size=60))
def test_whatever_is_cut_comes_out_in_order_and_nothing_is_raised(source):
    at = 0
    for piece in pieces_of(source):
        assert piece.offset >= at
        assert source.startswith(piece.text, piece.offset)
        at = piece.offset + len(piece.text)
        assert all(source.startswith(token.text, token.offset) for token in piece.tokens)
