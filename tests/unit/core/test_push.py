from __future__ import annotations

import json
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repaintd.core.intake import Push
from repaintd.core.push import merged, payload_of
from repaintd.errors import DocumentRefused

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def deep(levels: int, inside: str = "1") -> bytes:
    return b"[" * levels + inside.encode() + b"]" * levels


def test_the_whole_body_is_the_data_as_it_came() -> None:
    body = b' {"b": 1.50, "a": "\xc3\xa4"}\n'

    assert payload_of(body, JSON) is body


@pytest.mark.parametrize("payload", [b'{"a":1}', b"[1,2]", b"null", b'"text"', b"7"])
def test_of_a_body_with_event_and_payload_the_payload_is_the_data(payload: bytes) -> None:
    assert payload_of(b'{"event": "data.updated", "payload": %b}' % payload, JSON) == payload


@pytest.mark.parametrize("body", [b'{"payload": 1}', b'{"event": 1}', b'["event", "payload"]'])
def test_a_body_with_only_one_of_them_is_data_as_a_whole(body: bytes) -> None:
    assert payload_of(body, JSON) == body


@pytest.mark.parametrize("body", [b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
@pytest.mark.parametrize("kind", [JSON, FORM, ""])
def test_an_empty_body_is_a_trigger_without_data(body: bytes, kind: str) -> None:
    assert payload_of(body, kind) is None


def test_a_byte_order_mark_is_skipped() -> None:
    assert payload_of(b'\xef\xbb\xbf{"a":1}', JSON) == b'{"a":1}'


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"hello",
        b"<html></html>",
        b"NaN",
        b'{"a": Infinity}',
        b"1e400",
        b"1" * 5000,
        b'"\\ud800"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"'single'",
        b"[1,]",
        b"01",
        b'{"a":1} {}',
        "{}".encode("utf-16"),
    ],
)
def test_bad_input_47_garbage_is_refused_with_a_reason_for_the_sender(body: bytes) -> None:
    with pytest.raises(DocumentRefused, match=r"^The body is no valid JSON: "):
        payload_of(body, JSON)


@pytest.mark.parametrize("levels", [255, 1_000, 1_024, 1_025, 100_000])
@pytest.mark.parametrize("inside", ["1", "12345678901234567890123"])
def test_bad_input_47_monstrous_nesting_is_refused(levels: int, inside: str) -> None:
    with pytest.raises(DocumentRefused):
        payload_of(deep(levels, inside), JSON)


def test_what_is_let_in_can_be_kept_and_merged_whatever_its_depth() -> None:
    for levels in range(100, 260):
        body = b'{"a":' * levels + b"1" + b"}" * levels
        try:
            payload = payload_of(body, JSON)
        except DocumentRefused:
            assert levels > 250
            continue
        assert payload is not None
        both = merged(payload, Push(payload=payload, merge="deepMerge"))
        assert both == payload
        several = merged(None, Push(payload=payload, merge="append"))
        several = merged(several, Push(payload=payload, merge="append"))
        assert several == b"[" + payload + b"," + payload + b"]"


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("9223372036854775807", 9223372036854775807),
        ("18446744073709551615", 18446744073709551615),
        ("-9223372036854775808", -9223372036854775808),
        ("18446744073709551616", "18446744073709551616"),
        ("-9223372036854775809", "-9223372036854775809"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ],
)
def test_big_integers_keep_all_their_digits(number: str, kept: int | str) -> None:
    whole = payload_of(b'{"n": %b}' % number.encode(), JSON)
    part = payload_of(b'{"event":"e","payload":{"n":%b}}' % number.encode(), JSON)

    assert whole is not None
    assert orjson.loads(whole) == {"n": kept}
    assert part is not None
    assert orjson.loads(part) == {"n": kept}


def test_a_form_brings_its_field_payload() -> None:
    payload = {"text": "ä & = + %", "stars": 7}
    body = urlencode({"payload": json.dumps(payload), "other": "1"}).encode()

    found = payload_of(body, "Application/X-WWW-Form-Urlencoded; charset=utf-8")

    assert found is not None
    assert orjson.loads(found) == payload


def test_a_form_without_a_value_is_a_trigger_without_data() -> None:
    assert payload_of(b"payload=", FORM) is None


def test_the_data_rule_holds_for_forms_too() -> None:
    body = urlencode({"payload": '{"event":"e","payload":[1]}'}).encode()

    assert payload_of(body, FORM) == b"[1]"


def test_json_is_read_though_curl_calls_it_a_form() -> None:
    assert payload_of(b' {"a": "b=c"}', FORM) == b' {"a": "b=c"}'
    assert payload_of(b"[1]", FORM) == b"[1]"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"a=1", "has 0 fields `payload`"),
        (b"payload=1&payload=2", "has 2 fields `payload`"),
        (b"payload=%FF", "no form in UTF-8"),
        (b"payload=\xff", "no form in UTF-8"),
        (b"&".join([b"a=1"] * 101), "at most 100 fields"),
        (b"payload={", "no valid JSON"),
    ],
)
def test_a_form_without_json_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(DocumentRefused, match=message):
        payload_of(body, FORM)


def test_replace_keeps_the_payload_alone() -> None:
    assert merged(b'{"a":1}', Push(payload=b'{ "b": 2 }')) == b'{ "b": 2 }'
    assert merged(None, Push(payload=b"1")) == b"1"


@pytest.mark.parametrize(
    ("document", "payload", "expected"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"b": 1}}, {"a": 5}, {"a": 5}),
        ({"a": 5}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ([1], {"a": 1}, {"a": 1}),
        ({"a": 1}, [1], [1]),
        (None, {"a": 1}, {"a": 1}),
    ],
)
def test_deep_merge_merges_objects_and_replaces_all_else(
    document: object, payload: object, expected: object
) -> None:
    push = Push(payload=orjson.dumps(payload), merge="deepMerge")

    assert orjson.loads(merged(orjson.dumps(document), push)) == expected
    assert merged(None, push) == push.payload


def test_deep_merge_keeps_all_digits_of_both_sides() -> None:
    push = Push(payload=b'{"b":12345678901234567890124}', merge="deepMerge")

    assert orjson.loads(merged(b'{"a":12345678901234567890123}', push)) == {
        "a": "12345678901234567890123",
        "b": "12345678901234567890124",
    }


def test_append_keeps_the_latest_payloads() -> None:
    document = None
    for number in range(10):
        document = merged(document, Push(payload=b"%d" % number, merge="append", keep=3))

    assert document == b"[7,8,9]"
    assert merged(document, Push(payload=b"10", merge="append", keep=1)) == b"[10]"


def test_append_takes_a_document_that_is_no_list_as_the_first_payload() -> None:
    assert merged(b'{"a":1}', Push(payload=b"2", merge="append")) == b'[{"a":1},2]'


@pytest.mark.parametrize(
    ("max_bytes", "expected"),
    [(9, b"[1,2,3,4]"), (8, b"[2,3,4]"), (7, b"[2,3,4]"), (5, b"[3,4]"), (4, b"[4]"), (3, b"[4]")],
)
def test_append_drops_the_oldest_where_all_are_too_large(max_bytes: int, expected: bytes) -> None:
    push = Push(payload=b"4", merge="append", max_bytes=max_bytes)

    assert merged(b"[1,2,3]", push) == expected


@pytest.mark.parametrize("merge", ["replace", "deepMerge", "append"])
def test_a_document_that_would_be_too_large_is_refused(merge: str) -> None:
    push = Push(payload=b'{"b":"' + b"x" * 2_000 + b'"}', merge=merge, max_bytes=1_500)  # type: ignore[arg-type]  # of the three

    with pytest.raises(
        DocumentRefused, match=r"would have 2,0\d\d bytes, and at most 1,500 are kept; send less"
    ):
        merged(b'{"a":1}', push)


def test_a_document_of_exactly_the_limit_is_kept() -> None:
    assert merged(None, Push(payload=b"[123456]", max_bytes=8)) == b"[123456]"


def test_what_nobody_checked_ends_in_a_refusal_too() -> None:
    document = b'{"a":' * 1_000 + b"1" + b"}" * 1_000

    with pytest.raises(DocumentRefused, match="nested too deeply"):
        merged(document, Push(payload=document, merge="deepMerge"))
    with pytest.raises(DocumentRefused, match="nested too deeply"):
        merged(deep(400), Push(payload=b"1", merge="append"))
    with pytest.raises(DocumentRefused, match="no valid JSON"):
        merged(b"{", Push(payload=b"{}", merge="deepMerge"))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=20,
)
bodies = st.binary(max_size=64) | values.map(json.dumps).map(str.encode)


@given(bodies, st.sampled_from([JSON, FORM, ""]))
@settings(deadline=None)
def test_whatever_comes_is_json_nothing_or_refused(body: bytes, kind: str) -> None:
    try:
        payload = payload_of(body, kind)
    except DocumentRefused:
        return
    assert payload is None or orjson.dumps(orjson.loads(payload)) is not None


@given(st.none() | values, values, st.sampled_from(["replace", "deepMerge", "append"]))
@settings(deadline=None)
def test_whatever_is_merged_stays_json(document: object, payload: object, merge: str) -> None:
    before = payload_of(json.dumps(document).encode(), JSON)
    new = payload_of(json.dumps(payload).encode(), JSON)
    assert new is not None

    after = merged(before, Push(payload=new, merge=merge))  # type: ignore[arg-type]  # of the three

    assert orjson.dumps(orjson.loads(after))


@given(st.lists(st.sampled_from([b"[", b'{"a":', b'{"event":1,"payload":']), max_size=1_100))
@settings(deadline=None, max_examples=50)
def test_no_nesting_ends_in_anything_but_a_refusal(openings: list[bytes]) -> None:
    closings = [b"]" if each == b"[" else b"}" for each in reversed(openings)]
    body = b"".join(openings) + b"1" + b"".join(closings)
    try:
        payload = payload_of(body, JSON)
        assert payload is not None
        for merge in ("deepMerge", "append"):
            orjson.loads(merged(payload, Push(payload=payload, merge=merge)))
    except DocumentRefused:
        return
