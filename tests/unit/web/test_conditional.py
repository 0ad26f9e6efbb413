from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from repaintd.web.conditional import Verdict, http_date, seconds, verdict

TAG = '"abc"'
AT = 1_700_000_000
BEFORE, SAME, AFTER = http_date(AT - 1), http_date(AT), http_date(AT + 1)
SEND, UNMODIFIED, FAILED = Verdict.SEND, Verdict.NOT_MODIFIED, Verdict.FAILED

CASES = {
    "no conditions": ({}, SEND),
    "the same tag": ({"If-None-Match": TAG}, UNMODIFIED),
    "another tag": ({"If-None-Match": '"abd"'}, SEND),
    "a weak form of the tag is good enough": ({"If-None-Match": 'W/"abc"'}, UNMODIFIED),
    "in a list": ({"If-None-Match": '"x", W/"y" ,"abc"'}, UNMODIFIED),
    "not in a list": ({"If-None-Match": '"x", "y"'}, SEND),
    "a list without spaces": ({"If-None-Match": '"x","abc"'}, UNMODIFIED),
    "a comma inside of a tag": ({"If-None-Match": '"x, y", "abc"'}, UNMODIFIED),
    "a tag inside of a tag": ({"If-None-Match": '"x, abc, y"'}, SEND),
    "any": ({"If-None-Match": "*"}, UNMODIFIED),
    "any, with spaces": ({"If-None-Match": " * "}, UNMODIFIED),
    "a star in quotes is a tag": ({"If-None-Match": '"*"'}, SEND),
    "without quotes is no tag": ({"If-None-Match": "abc"}, SEND),
    "lower-case weak mark is no mark but the tag stands": (
        {"If-None-Match": 'w/"abc"'},
        UNMODIFIED,
    ),
    "empty": ({"If-None-Match": ""}, SEND),
    "two lines": ([("If-None-Match", '"x"'), ("If-None-Match", TAG)], UNMODIFIED),
    "tag wins over date: sends": (
        {"If-None-Match": '"x"', "If-Modified-Since": AFTER},
        SEND,
    ),
    "tag wins over date: 304": ({"If-None-Match": TAG, "If-Modified-Since": BEFORE}, UNMODIFIED),
    "a tag that is none still wins over date": (
        {"If-None-Match": "abc", "If-Modified-Since": AFTER},
        SEND,
    ),
    "not modified since the same second": ({"If-Modified-Since": SAME}, UNMODIFIED),
    "not modified since later": ({"If-Modified-Since": AFTER}, UNMODIFIED),
    "modified since": ({"If-Modified-Since": BEFORE}, SEND),
    "a date that is none": ({"If-Modified-Since": "yesterday"}, SEND),
    "RFC 850 date": ({"If-Modified-Since": "Tuesday, 14-Nov-23 22:13:20 GMT"}, UNMODIFIED),
    "asctime date": ({"If-Modified-Since": "Tue Nov 14 22:13:20 2023"}, UNMODIFIED),
    "if-match the tag": ({"If-Match": TAG}, SEND),
    "if-match a list": ({"If-Match": '"x", "abc"'}, SEND),
    "if-match any": ({"If-Match": "*"}, SEND),
    "if-match another": ({"If-Match": '"x"'}, FAILED),
    "if-match is strong: a weak tag never matches": ({"If-Match": 'W/"abc"'}, FAILED),
    "if-match comes first": ({"If-Match": '"x"', "If-None-Match": TAG}, FAILED),
    "if-match that holds, then if-none-match": (
        {"If-Match": TAG, "If-None-Match": TAG},
        UNMODIFIED,
    ),
    "unmodified since later": ({"If-Unmodified-Since": AFTER}, SEND),
    "unmodified since earlier": ({"If-Unmodified-Since": BEFORE}, FAILED),
    "unmodified since garbage": ({"If-Unmodified-Since": "?"}, SEND),
    "if-match wins over unmodified-since": (
        {"If-Match": TAG, "If-Unmodified-Since": BEFORE},
        SEND,
    ),
}


@pytest.mark.parametrize(("headers", "expected"), CASES.values(), ids=CASES)
def test_verdict(headers, expected):
    actual = verdict(CIMultiDictProxy(CIMultiDict(headers)), TAG, AT)

    assert expected is actual


@pytest.mark.parametrize("name", ["If-Modified-Since", "If-Unmodified-Since"])
def test_dates_do_not_count_where_no_date_is_known(name):
    headers = CIMultiDictProxy(CIMultiDict({name: BEFORE}))

    assert SEND is verdict(headers, TAG, None)


@pytest.mark.parametrize(
    "text", ["", "Tue", "0", "Tue, 99 Nov 2023 22:13:20 GMT", "Tue, 14 Nov 99999 22:13:20 GMT"]
)
def test_what_is_no_date_has_no_seconds(text):
    assert seconds(text) is None


@given(st.text(max_size=40) | st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ \S*"))
def test_no_date_of_a_stranger_breaks_anything(text):
    assert seconds(text) is None or isinstance(seconds(text), int)


@given(st.integers(min_value=0, max_value=2**33))
def test_dates_come_back_as_they_went(moment):
    assert moment == seconds(http_date(moment))
