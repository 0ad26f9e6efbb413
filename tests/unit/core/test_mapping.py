from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repaintd.core.mapping import MAX_BYTES, Mapped, map_document, mapping_fingerprint
from repaintd.core.state import Fallback
from repaintd.core.template import MISSING, Variable
from repaintd.errors import MapFailed
from repaintd.testing import sample_binding, sample_template


def run(document, *, mapping=None, defaults=None, variables=None, strict=False) -> Mapped:
    declared = {
        name: Variable(name=name, default=value) for name, value in (variables or {}).items()
    }
    return map_document(
        sample_binding(mapping=mapping or {}, defaults=defaults or {}),
        sample_template(variables=declared, strict=strict),
        document,
    )


def test_values_keep_their_json_type_and_falsy_values_are_values():
    document = {"a": 500, "b": "", "c": 0, "d": False, "e": [1, {"x": None}], "f": 1.5}
    mapped = run(
        document, mapping={key: key for key in document}, defaults=dict.fromkeys("abcdef", 9)
    )
    assert mapped.variables == document
    assert [type(value) for value in mapped.variables.values()] == [
        int,
        str,
        int,
        bool,
        list,
        float,
    ]
    assert mapped.fallbacks == ()
    assert mapped.complete


def test_absent_null_and_not_a_number_fall_back_in_order():
    mapped = run(
        {"null": None, "nan": float("nan")},
        mapping={"a": "gone || 1", "b": "null", "c": "nan", "d": "gone"},
        defaults={"a": 2, "b": 3, "e": 4, "d": None},
        variables={"b": 5, "c": 6, "d": float("inf"), "f": MISSING},
    )
    assert mapped.variables == {"a": 1, "b": 3, "c": 6, "d": "", "e": 4, "f": ""}
    assert list(mapped.variables) == ["a", "b", "c", "d", "e", "f"]
    assert [(item.variable, item.used) for item in mapped.fallbacks] == [
        ("a", "fallback in the path"),
        ("b", "defaults"),
        ("c", "template default"),
        ("d", "empty"),
        ("e", "defaults"),
        ("f", "empty"),
    ]
    assert not mapped.complete


def test_every_fallback_has_a_plain_reason():
    mapped = run(
        {"owner": {}}, mapping={"who": "owner.login", "x": " "}, variables={"theme": "dark"}
    )
    assert mapped.fallbacks == (
        Fallback(
            variable="who",
            path="owner.login",
            reason='path "owner.login" matched nothing: no key "login" in "owner"',
            used="empty",
        ),
        Fallback(variable="x", path=" ", reason="not mapped", used="empty"),
        Fallback(variable="theme", path="", reason="not mapped", used="template default"),
    )


def test_without_a_document_everything_comes_from_defaults():
    mapped = run(MISSING, mapping={"a": "a", "b": "$"}, defaults={"a": 1}, variables={"b": 2})
    assert mapped.variables == {"a": 1, "b": 2}
    assert mapped.complete
    assert {item.reason for item in mapped.fallbacks} == {"there is no document yet"}
    assert not run(MISSING, mapping={"a": "a"}).complete


def test_bad_input_66_a_renamed_field_fails_a_strict_template_and_names_the_path():
    with pytest.raises(MapFailed) as caught:
        run({"stars": 1}, mapping={"stars": "stargazers_count"}, strict=True)
    assert caught.value.reason == "missing"
    assert str(caught.value) == (
        'variable "stars" has no value: path "stargazers_count" matched nothing: no key '
        '"stargazers_count". The template "plain" is strict: mend the path, or give a default'
    )


def test_bad_input_66_a_default_satisfies_a_strict_template():
    mapped = run({}, mapping={"a": "x", "b": "y || 1"}, defaults={"a": ""}, strict=True)
    assert mapped.variables == {"a": "", "b": 1}


def test_a_strict_failure_names_five_variables_and_counts_the_rest():
    with pytest.raises(MapFailed, match=r'variable "v4".*; and 2 more\.') as caught:
        run({}, variables={f"v{n}": MISSING for n in range(7)}, strict=True)
    assert "v5" not in str(caught.value)


def test_bad_input_66_a_value_of_another_type_is_passed_on_as_it_is():
    assert run({"a": {"b": [1]}}, mapping={"a": "a"}).variables == {"a": {"b": [1]}}


@pytest.mark.parametrize(
    ("given_value", "kept"),
    [
        ("a\0b", "a\ufffdb"),
        ("\ud83d", "\ufffd"),
        ("x\udc00y", "x\ufffdy"),
        ("\u202eRTL", "\u202eRTL"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("e" + "\u0301" * 1000, "e" + "\u0301" * 1000),
        (r"\u0000", r"\u0000"),
        ({"k\0": ["\ud800", None]}, {"k\ufffd": ["\ufffd", None]}),
        ({"\ud800": 1}, {"\ufffd": 1}),
        ({1: "one"}, {"1": "one"}),
        (["ü\0", True, 1.5], ["ü\ufffd", True, 1.5]),
        (2**64, float(2**64)),
        (-(2**63), -(2**63)),
        ([10**400, (2**70,)], [None, [float(2**70)]]),
        ([float("inf")], [None]),
    ],
)
def test_bad_input_71_odd_text_and_numbers_come_out_as_json_that_nothing_stumbles_over(
    given_value, kept
):
    assert run({"v": given_value}, mapping={"v": "v"}).variables == {"v": kept}


def test_bad_input_71_a_word_of_one_megabyte_is_mapped():
    assert run({"v": "w" * 1_000_000}, mapping={"v": "v"}).variables["v"] == "w" * 1_000_000


@pytest.mark.parametrize("value", ["w" * MAX_BYTES, ["ö" * 1000] * 1000])
def test_variables_beyond_the_cap_fail_with_the_name_of_the_one_that_is_too_much(value):
    with pytest.raises(MapFailed, match=r'more than 1,048,576 bytes of JSON \("v" alone') as caught:
        run({"v": value, "w": 1}, mapping={"w": "w", "v": "v"})
    assert caught.value.reason == "too_large"


def test_the_cap_counts_all_variables_together():
    document = {"v": "w" * (MAX_BYTES // 3)}
    with pytest.raises(MapFailed, match=r'"c" alone'):
        run(document, mapping=dict.fromkeys("abcd", "v"))


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", [object()]])
def test_a_value_that_is_no_json_fails_by_name(value):
    with pytest.raises(MapFailed, match=r'variable "v" cannot be used: it holds a') as caught:
        run({"v": value}, mapping={"v": "v"})
    assert caught.value.reason == "type"


def test_a_value_nested_without_end_fails_and_does_not_crash():
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(MapFailed, match="nested more than 200 levels"):
        run({"v": loop}, mapping={"v": "v"})


def test_a_path_that_cannot_be_read_fails_the_refresh_and_not_the_daemon():
    with pytest.raises(
        MapFailed, match=r'variable "v": the path "a\.\.b" cannot be read'
    ) as caught:
        run({}, mapping={"v": "a..b"})
    assert caught.value.reason == "path"


def test_variables_do_not_hold_on_to_the_document():
    document = {"v": {"inner": [1]}}
    assert run(document, mapping={"v": "v"}).variables["v"] is not document["v"]


def test_the_order_of_keys_inside_a_value_is_the_source_s():
    assert list(run({"v": {"b": 1, "a": 2}}, mapping={"v": "v"}).variables["v"]) == ["b", "a"]


ODD_TEXT = st.text(st.characters(codec=None), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ODD_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ODD_TEXT, inner, max_size=4),
    max_leaves=12,
)
PATHS = ODD_TEXT | st.sampled_from(["$", "a", "a.b", "a[0]", "a[*].b", "length(a)", "a || 1", "*"])
GRAMMAR = st.text("$.[]\"'|ab01-*?@()& \\`,:{}", max_size=14)


# literals without quotes are what JMESPath once had (JEP-12): it takes them still
@pytest.mark.filterwarnings("ignore:deprecated string literal:PendingDeprecationWarning")
@given(
    document=JSON | st.dictionaries(st.sampled_from("ab"), JSON) | st.just(MISSING),
    mapping=st.dictionaries(ODD_TEXT, PATHS | GRAMMAR, max_size=4),
    defaults=st.dictionaries(ODD_TEXT, JSON, max_size=3),
    strict=st.booleans(),
)
def test_whatever_comes_in_the_mapping_gives_variables_or_map_failed(
    document, mapping, defaults, strict
):
    with contextlib.suppress(MapFailed):
        mapped = run(document, mapping=mapping, defaults=defaults, strict=strict)
        assert set(mapped.variables) == {*mapping, *defaults}
        assert None not in mapped.variables.values()
        assert all(fallback.reason for fallback in mapped.fallbacks)


BASE = {
    "mapping": {"a": "x", "b": "y"},
    "defaults": {"a": 1},
    "variables": {"c": MISSING},
    "strict": False,
}


def fingerprint(**changes) -> str:
    parts = {**BASE, **changes}
    declared = {name: Variable(name=name, default=v) for name, v in parts["variables"].items()}
    return mapping_fingerprint(
        sample_binding(mapping=parts["mapping"], defaults=parts["defaults"]),
        sample_template(variables=declared, strict=parts["strict"]),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"mapping": {"a": "x", "b": "z"}},
        {"defaults": {"a": "1"}},
        {"defaults": {}},
        {"variables": {"c": None}},
        {"variables": {}},
        {"strict": True},
    ],
)
def test_the_fingerprint_changes_with_whatever_changes_the_variables(change):
    assert fingerprint(**change) != fingerprint()


def test_the_fingerprint_does_not_change_with_the_order_of_keys():
    assert fingerprint(mapping={"b": "y", "a": "x"}) == fingerprint()
    assert len(fingerprint()) == 32


def test_the_fingerprint_takes_what_json_does_not():
    assert fingerprint(defaults={"a": "\ud800", "b": 2**80}) != fingerprint()
