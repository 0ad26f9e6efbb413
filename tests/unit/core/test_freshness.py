from __future__ import annotations

import pytest

from repaintd.core import freshness
from repaintd.core.fetch import NO_HINTS, NO_VALIDATORS, Hints, Validators

NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("name", "tag", "stored"),
    [
        ("strong", '"abc"', True),
        ("weak", 'W/"abc"', True),
        ("empty opaque tag", '""', True),
        ("punctuation and backslash", '"a\\b!#~"', True),
        ("longest", '"' + "x" * 1022 + '"', True),
        ("unquoted", "abc", False),
        ("half quoted", '"abc', False),
        ("lower-case weak", 'w/"abc"', False),
        ("quote inside", '"a"b"', False),
        ("two tags", '"a", "b"', False),
        ("space inside", '"a b"', False),
        ("10 KB", '"' + "x" * 10_000 + '"', False),
        ("CRLF", '"a\r\nX-Evil: 1"', False),
        ("trailing newline", '"a"\n', False),
        ("NUL", '"a\0"', False),
        ("non-ASCII", '"é"', False),
        ("star", "*", False),
        ("empty", "", False),
    ],
)
def test_bad_input_22_an_etag_is_stored_only_if_it_can_be_sent_back(name, tag, stored):
    assert freshness.validators_of({"ETag": tag}).etag == (tag if stored else None), name


@pytest.mark.parametrize(
    ("name", "text", "stored"),
    [
        ("IMF-fixdate", DATE, True),
        ("RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", True),
        ("asctime", "Sun Nov  6 08:49:37 1994", True),
        ("the year 2041", "Fri, 01 Nov 2041 00:00:00 GMT", True),
        ("word", "yesterday", False),
        ("number", "784111777", False),
        ("impossible day", "Sun, 32 Nov 1994 08:49:37 GMT", False),
        ("non-ASCII", "Sun, 06 Nov 1994 08:49:37 GMT é", False),
        ("long", DATE + " " * 100, False),
        ("empty", "", False),
    ],
)
def test_last_modified_is_stored_byte_for_byte_if_it_is_a_date(name, text, stored):
    validators = freshness.validators_of({"Last-Modified": text})
    assert validators.last_modified == (text if stored else None), name


def test_both_validators_are_stored():
    headers = {"ETag": 'W/"1"', "Last-Modified": DATE}
    assert freshness.validators_of(headers) == Validators(etag='W/"1"', last_modified=DATE)


def test_no_validators_no_storage():
    assert freshness.validators_of({}) == NO_VALIDATORS


SENT = Validators(etag='"1"', last_modified=DATE)
LATER = "Mon, 07 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("name", "headers", "kept"),
    [
        ("nothing new", {}, SENT),
        ("the same again", {"ETag": '"1"', "Last-Modified": DATE}, SENT),
        ("new etag", {"ETag": '"2"'}, Validators(etag='"2"', last_modified=DATE)),
        ("new date", {"Last-Modified": LATER}, Validators(etag='"1"', last_modified=LATER)),
        ("weakened", {"ETag": 'W/"1"'}, Validators(etag='W/"1"', last_modified=DATE)),
        ("garbage", {"ETag": "*", "Last-Modified": "?"}, SENT),
    ],
)
def test_bad_input_23_a_304_brings_the_stored_validators_up_to_date(name, headers, kept):
    assert freshness.refreshed(SENT, headers) == kept, name


def test_bad_input_20_same_date_new_etag_updates_the_etag():
    kept = freshness.refreshed(SENT, {"ETag": '"2"', "Last-Modified": DATE})
    assert kept == Validators(etag='"2"', last_modified=DATE)


def test_a_304_without_news_costs_no_new_object():
    assert freshness.refreshed(SENT, {"ETag": '"1"'}) is SENT


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('"x"', '"x"', True),
        ('W/"x"', '"x"', True),
        ('W/"x"', 'W/"x"', True),
        ('"x"', '"y"', False),
        ('"x"', '"X"', False),
        (None, '"x"', False),
        (None, None, False),
    ],
)
def test_bad_input_21_entity_tags_compare_weakly(one, other, same):
    assert freshness.same_entity(one, other) is same


@pytest.mark.parametrize(
    ("name", "text", "seconds"),
    [
        ("seconds", "120", 120.0),
        ("spaces around", " 120 ", 120.0),
        ("leading zeros", "0" * 50 + "7", 7.0),
        ("two minutes on", "Sun, 06 Nov 1994 08:51:37 GMT", 120.0),
        ("ten years in seconds", "315360000", 3600.0),
        ("ten years on", "Fri, 06 Nov 2004 08:49:37 GMT", 3600.0),
        ("more digits than a number has", "9" * 5000, 3600.0),
        ("past date", "Sun, 06 Nov 1994 08:00:00 GMT", None),
        ("zero", "0", None),
        ("negative", "-5", None),
        ("fraction", "1.5", None),
        ("other digits", "١٢", None),
        ("word", "soon", None),
        ("empty", "", None),
        ("impossible date", "Sun, 06 Nov 1994 25:61:61 GMT", None),
    ],
)
def test_bad_input_27_retry_after_is_clamped_or_ignored(name, text, seconds):
    assert freshness.retry_after({"Retry-After": text}, NOW) == seconds, name


@pytest.mark.parametrize(
    ("name", "headers", "seconds"),
    [
        ("plain", {"Cache-Control": "max-age=300"}, 300.0),
        ("among others", {"Cache-Control": "public, max-age=300, s-maxage=9"}, 300.0),
        ("upper case, spaces, empty members", {"Cache-Control": ",MAX-AGE = 5 ,,"}, 5.0),
        ("quoted", {"Cache-Control": 'max-age="300"'}, 300.0),
        ("less its age", {"Cache-Control": "max-age=300", "Age": "100"}, 200.0),
        ("older than its age", {"Cache-Control": "max-age=300", "Age": "301"}, None),
        ("bad age", {"Cache-Control": "max-age=300", "Age": "-1"}, 300.0),
        ("huge", {"Cache-Control": "max-age=99999999999999"}, 86_400.0),
        ("unconvertible", {"Cache-Control": "max-age=" + "9" * 5000}, 86_400.0),
        ("negative", {"Cache-Control": "max-age=-5"}, None),
        ("word", {"Cache-Control": "max-age=abc"}, None),
        ("no argument", {"Cache-Control": "max-age"}, None),
        ("zero", {"Cache-Control": "max-age=0"}, None),
        ("duplicated", {"Cache-Control": "max-age=300, max-age=60"}, 60.0),
        ("duplicated, one bad", {"Cache-Control": "max-age=300, max-age=x"}, None),
        ("no-store", {"Cache-Control": "no-store, max-age=300"}, None),
        ("no-cache after it", {"Cache-Control": "max-age=300, no-cache"}, None),
        ("in a quoted list", {"Cache-Control": 'private="a, max-age=1", max-age=9'}, 1.0),
        ("open quote", {"Cache-Control": 'x="open, max-age=5'}, 5.0),
        ("none", {"Cache-Control": "public"}, None),
        ("empty", {"Cache-Control": ""}, None),
        ("no header", {}, None),
    ],
)
def test_bad_input_26_max_age_is_clamped_or_ignored(name, headers, seconds):
    assert freshness.max_age(headers) == seconds, name


def test_hints_hold_both():
    headers = {"Retry-After": "30", "Cache-Control": "max-age=60"}
    assert freshness.hints_of(headers, NOW) == Hints(retry_after=30.0, max_age=60.0)


def test_no_hints_are_the_shared_object():
    assert freshness.hints_of({}, NOW) is NO_HINTS
