from __future__ import annotations

import pytest

from repaintd.plugin import FetchFailed
from repaintd_http.document import read_document

JSON = "application/json"


def document(body, kind=JSON):
    return read_document(body, kind)[0]


def failure(body, kind=JSON):
    with pytest.raises(FetchFailed) as caught:
        read_document(body, kind)
    assert str(caught.value).startswith("Data source returned ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200
    return caught.value


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        "text/json",
        "application/vnd.api+json",
        "application/problem+json;x=y",
        "text/plain; charset=utf-8",
        "application/octet-stream",
        "binary/octet-stream",
        "",
    ],
)
def test_json_is_read_under_the_types_it_is_served_with(kind):
    assert document(b'{"a": 1}', kind) == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"  \r\n\t ", b"\xef\xbb\xbf", b" " * 100])
@pytest.mark.parametrize("kind", [JSON, "text/html", ""])
def test_bad_input_28_an_empty_body_is_told(body, kind):
    failed = failure(body, kind)
    assert (failed.reason, "empty body" in str(failed)) == ("content", True)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"a": 1}', "text/html"),
        (b"<!DOCTYPE html><title>Sign in</title>", "text/html; charset=utf-8"),
        (b"<html>Checking your browser</html>", JSON),
        (b"\n  <html>", "text/plain"),
        (b"\xef\xbb\xbf<html>", ""),
        (b"<x/>", "application/xhtml+xml"),
    ],
)
def test_bad_input_28_an_html_page_is_told(body, kind):
    failed = failure(body, kind)
    assert (failed.reason, "HTML" in str(failed)) == ("content", True)


@pytest.mark.parametrize(
    ("kind", "shown"),
    [("image/png", "image/png"), ("text/csv", "text/csv"), ("\x1b[31m" + "x" * 500, "x" * 70)],
)
def test_another_type_is_told(kind, shown):
    failed = failure(b"[1]", kind)
    assert failed.reason == "content"
    assert shown in str(failed)
    assert "\x1b" not in str(failed)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("NaN", b'{"a": NaN}'),
        ("Infinity", b"[Infinity]"),
        ("-Infinity", b"[-Infinity]"),
        ("1e400", b"[1e400]"),
        ("-1e400", b"[-1e400]"),
        ("5,000 digits", b"1" * 5000),
        ("depth 100,000", b"[" * 100_000 + b"]" * 100_000),
        ("depth 1,025", b"[" * 1025 + b"]" * 1025),
        ("objects in depth", b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        ("lone high surrogate", b'"\\ud800"'),
        ("lone low surrogate", b'"\\udc00x"'),
        ("surrogate bytes", b'"\xed\xa0\x80"'),
        ("not UTF-8", b'"\xff"'),
        ("Latin-1", '"ü"'.encode("latin-1")),
        ("UTF-16", '{"a": 1}'.encode("utf-16")),
        ("truncated", b'{"a": [1, 2'),
        ("two documents", b'{"a": 1}{"b": 2}'),
        ("trailing comma", b"[1,]"),
        ("single quotes", b"{'a': 1}"),
        ("comment", b'{"a": 1} // x'),
        ("NUL in a text", b'"a\0b"'),
        ("leading zero", b"[01]"),
        ("JSONP", b'callback({"a": 1})'),
    ],
)
def test_bad_input_36_what_is_no_json_is_refused(name, body):
    assert failure(body).reason == "json", name


@pytest.mark.parametrize(
    ("name", "body", "value"),
    [
        ("equal keys", b'{"a": 1, "b": 2, "a": 3}', {"a": 3, "b": 2}),
        ("byte order mark", b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ("top-level number", b"3", 3),
        ("top-level text", b' "x" ', "x"),
        ("top-level null", b"null", None),
        ("depth 1,024", b"[" * 1024 + b"]" * 1024, None),
        ("surrogate pair", b'"\\ud83d\\ude00"', "\U0001f600"),
        ("2^53 + 1", b"[9007199254740993]", [9007199254740993]),
        ("2^64 - 1", b"[18446744073709551615]", [18446744073709551615]),
        ("-2^63", b"[-9223372036854775808]", [-9223372036854775808]),
        ("2^64", b"[18446744073709551616]", ["18446744073709551616"]),
        ("-2^63 - 1", b"[-9223372036854775809]", ["-9223372036854775809"]),
        ("40 digits", b'{"id": ' + b"12" * 20 + b"}", {"id": "12" * 20}),
        ("long digits in a text", b'["' + b"7" * 30 + b'", 1]', ["7" * 30, 1]),
        ("many decimals", b"[0.1234567890123456789012345]", [0.1234567890123456789012345]),
        ("subnormal", b"[1e-400]", [0.0]),
        ("negative zero", b"[-0]", [0]),
        ("U+0000 escaped", b'"\\u0000"', "\0"),
    ],
)
def test_bad_input_36_what_is_json_has_one_meaning(name, body, value):
    got = document(body)
    assert value is None or (got, type(got)) == (value, type(value)), name


def test_deep_nesting_with_a_long_number_is_refused_or_read_but_never_crashes():
    body = b"[" * 1000 + b"1" * 30 + b"]" * 1000
    try:
        value = document(body)
    except FetchFailed as failed:
        assert "nested too deeply" in str(failed)  # noqa: PT017 - either is right
    else:
        while isinstance(value, list):
            (value,) = value
        assert value == "1" * 30


def test_equal_bytes_have_equal_hashes():
    assert read_document(b"[1]", JSON)[1] == read_document(b"[1]", "")[1]
    assert read_document(b"[1]", JSON)[1] != read_document(b"[1] ", JSON)[1]
