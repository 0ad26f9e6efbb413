from __future__ import annotations

import inspect
import sys

import pytest

from repaintd.core.path import MAX_LENGTH, PathSyntaxError, compile_path
from repaintd.core.template import MISSING

DOCUMENT = {
    "name": "cpython",
    "owner": {"login": "python", "nick": None, "length": "own"},
    "items": [{"name": "a", "n": 1}, {"name": "b", "n": 2}],
    "content-type": "html",
    "nested": {"my-key": {"a-b": 3}},
    "with.dot": "dotted",
    "a": {"with.dot": {"b": "deep"}},
    "Order ID": 17,
    "größe": "XL",
    "@type": "Thing",
    "dc:title": "Dublin",
    "0": "zero",
    "it's": "quoted",
    'say "hi"': "double",
    "empty": "",
    "none": 0,
    "no": False,
    "text": "héllo",
    "big": list(range(12)),
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "cpython"),
        ("  name  ", "cpython"),
        ("$.name", "cpython"),
        ("$name", "cpython"),
        (" $ ", DOCUMENT),
        ("$", DOCUMENT),
        ("owner.login", "python"),
        ("$.items[0].name", "a"),
        ("$['items'][1]['name']", "b"),
        ("items[-1].name", "b"),
        ("items.0.name", "a"),
        ("content-type", "html"),
        ("nested.my-key.a-b", 3),
        ('["with.dot"]', "dotted"),
        ('"with.dot"', "dotted"),
        ('a."with.dot".b', "deep"),
        ("a['with.dot']['b']", "deep"),
        ("Order ID", 17),
        ("größe", "XL"),
        (r'"gr\u00f6\u00dfe"', "XL"),
        ("@type", "Thing"),
        ("dc:title", "Dublin"),
        ("[0]", "zero"),
        (r"['it\'s']", "quoted"),
        (r'["say \"hi\""]', "double"),
        ("items.length", 2),
        ("text.length", 5),
        ("nested.length", 1),
        ("owner.length", "own"),
        ("empty", ""),
        ("none", 0),
        ("no", False),
        ("name || 5", "cpython"),
        ("big[011]", 11),
    ],
)
def test_a_plain_path_finds(path, value):
    assert compile_path(path).find(DOCUMENT) == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("items[*].name", ["a", "b"]),
        ("$.items[*].name", ["a", "b"]),
        ("$.*.login", ["python"]),
        ("items[?n > `1`].name | [0]", "b"),
        ("length(items)", 2),
        ("jmespath:owner.login", "python"),
        ("jmespath: join('-', items[].name)", "a-b"),
        ("missing || 'plain text'", "plain text"),
        ("missing || name", "cpython"),
        ("[name, owner.login]", ["cpython", "python"]),
        ("{who: owner.login}", {"who": "python"}),
        ("@ | name", "cpython"),
        ("items[?name=='x'] | [0]", None),
    ],
)
def test_what_only_jmespath_reads_is_jmespath(path, value):
    assert compile_path(path).find(DOCUMENT) == value


@pytest.mark.parametrize(
    ("path", "literal"),
    [
        ("a || 0", 0),
        ("$.product.discount || 0", 0),
        ('a||"x || y"', "x || y"),
        ("a || [1, 2]", [1, 2]),
        ("a || false", False),
        ("a || null", MISSING),
        ("'a' || 3", 3),
        ("items[*].x || 7", 7),
        ("a", MISSING),
    ],
)
def test_a_json_literal_behind_the_bars_is_a_fallback(path, literal):
    assert compile_path(path).literal == literal


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("owner.name", 'path "owner.name" matched nothing: no key "name" in "owner"'),
        ("ownr.name", 'path "ownr.name" matched nothing: no key "ownr"'),
        ("owner.nick", 'path "owner.nick" is null'),
        ("owner.nick.x", 'path "owner.nick.x" matched nothing: "nick" is null'),
        ("items[3]", 'path "items[3]" matched nothing: index 3 is beyond the 2 items of "items"'),
        (
            "items[-3]",
            'path "items[-3]" matched nothing: index -3 is beyond the 2 items of "items"',
        ),
        ("items[0][1]", 'path "items[0][1]" matched nothing: no key "1" in item 0'),
        ("items.name", 'path "items.name" matched nothing: "items" is a list, not an object'),
        ("items.²", 'path "items.²" matched nothing: "items" is a list, not an object'),
        ("name[0]", 'path "name[0]" matched nothing: "name" is a string, not a list'),
        ("name.x", 'path "name.x" matched nothing: "name" is a string, not an object'),
        ("none.x", 'path "none.x" matched nothing: "none" is a number, not an object'),
        ("no.x", 'path "no.x" matched nothing: "no" is true or false, not an object'),
        ("items[*].x | [0]", 'path "items[*].x | [0]" matched nothing'),
        ("  ", "not mapped"),
    ],
)
def test_why_nothing_was_found_is_said_plainly(path, reason):
    compiled = compile_path(path)
    assert compiled.find(DOCUMENT) in (MISSING, None)
    assert compiled.why(DOCUMENT) == reason


def test_one_item_is_singular():
    assert "beyond the 1 item of" in compile_path("a[1]").why({"a": [0]})


def test_null_at_the_root_is_null():
    assert compile_path("$").find(None) is None
    assert compile_path("$").why(None) == 'path "$" is null'


@pytest.mark.parametrize(
    ("path", "position", "message"),
    [
        ("a..b", 2, 'expected a field name at character 3, found "."'),
        ("a.", 2, "expected a field name at character 3, found the end"),
        (".a", 0, 'expected a field name at character 1, found "."'),
        ("$.", 1, 'expected a field name at character 2, found "."'),
        ("$..a", 2, 'expected a field name at character 3, found "."'),
        ("a[", 2, "expected a whole number or a quoted key at character 3, found the end"),
        ("a[x]", 2, 'expected a whole number or a quoted key at character 3, found "x"'),
        ("a[1.5]", 3, 'expected a "]" at character 4, found "."'),
        ("a['b'c]", 5, 'expected a "]" at character 6, found "c"'),
        ('"a"b', 3, 'expected a "." or a "[" at character 4, found "b"'),
        (r'a."\q"', 2, r'"\q" is not a JSON string'),
        ("|| 0", 0, 'expected a field name, an index or "$"'),
        ("a || NaN || ", 11, "the expression is not complete"),
        ("nofn(a)", 0, "JMESPath has no function nofn()"),
        ("items[?nofn(a)]", 7, "JMESPath has no function nofn()"),
        ("jmespath: nofn(a)", 10, "JMESPath has no function nofn()"),
        ("length()", 0, "length() takes 1 argument(s), not 0"),
        ("a[].length(@, @)", 4, "length() takes 1 argument(s), not 2"),
        ("not_null()", 0, "not_null() takes 1 argument(s) or more, not 0"),
        ("items[*].my-key", 11, "Unknown token '-' (JMESPath, at character 12)"),
        ("foo(", 4, "the expression is not complete"),
        ("a[*", 3, "the expression is not complete"),
        ("a[*}", 3, None),
        ("&a", 0, "an expression reference (&) is no value"),
        ("jmespath:", 9, "Invalid JMESPath expression: cannot be empty."),
        ("!" * 500 + "a", 0, "the expression is nested too deeply"),
        ("x" * (MAX_LENGTH + 1), MAX_LENGTH, "longer than 512 characters"),
    ],
)
def test_a_path_that_nothing_can_read_says_where_and_why(path, position, message):
    with pytest.raises(PathSyntaxError) as caught:
        compile_path(path)
    assert caught.value.position == position
    assert message is None or str(caught.value) == message


def test_equal_texts_share_one_object():
    assert compile_path("shared.path") is compile_path("shared." + sys.intern("path"))
    assert not hasattr(compile_path("shared.path"), "__dict__")


@pytest.mark.parametrize(
    ("path", "document", "reason"),
    [
        ("length(a)", {"a": 5}, "failed: In function length(), invalid type for value: 5"),
        ("sort(@)", [1, "a"], "failed: In function sort()"),
        ("a[?b < `1`].b", {"a": [{"b": "x"}]}, "failed: TypeError: '<' not supported"),
        ("|".join(["[@,@]"] * 60), {"a": 1}, "it takes more than 250,000 steps"),
        ("|".join(["[@,@][]"] * 50), {"a": 1}, "it takes more than 250,000 steps"),
        ("|".join(["{a:@,b:@}"] * 50), {"a": 1}, "it takes more than 250,000 steps"),
        ("|".join(["join('',[@,@])"] * 30), "x" * 5000, "it takes more than 250,000 steps"),
        ("[*]|" * 120 + "[*]", [0] * 10_000, "it takes more than 250,000 steps"),
        ("|".join(["[@]"] * 100) + "|to_string(@)", {}, None),
    ],
)
def test_jmespath_at_run_time_is_a_reason_and_never_a_bomb(path, document, reason):
    compiled = compile_path(path)
    found = compiled.find(document)
    if reason is None:
        assert isinstance(found, str)
    else:
        assert found is MISSING
        assert reason in compiled.why(document)


def test_jmespath_that_recurses_too_deeply_at_run_time_is_a_reason():
    compiled = compile_path("!" * 200 + "a")

    def why(frames: int) -> str:
        return why(frames - 1) if frames else compiled.why({})

    assert compiled.find({}) is False
    room = sys.getrecursionlimit() - len(inspect.stack(0))
    assert why(room - 150).endswith("failed: it is nested too deeply")


def test_functions_that_give_lists_and_weighed_texts_still_work():
    document = {"a": {"x": "t" * 200, "y": 2}}
    assert compile_path("sort(keys(a))").find(document) == ["x", "y"]
    assert compile_path("[a, `[1]`]").find(document) == [document["a"], [1]]
    assert compile_path("to_number('7')").find(document) == 7
    assert compile_path("not_null(a.z, a.y)").find(document) == 2
    assert compile_path("`[1,2,3]`[::2]").find(document) == [1, 3]
