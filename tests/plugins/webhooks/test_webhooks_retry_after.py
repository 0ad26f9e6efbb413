from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repaintd_webhooks.retry_after import LONGEST, retry_after

NOW = 1_767_225_600.0  # Thu, 01 Jan 2026 00:00:00 GMT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("86400", 86400.0),
        ("86401", 86400.0),
        ("9" * 64, 86400.0),
        ("9" * 65, None),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120.0),
        ("Thursday, 01-Jan-26 00:02:00 GMT", 120.0),
        ("Thu Jan  1 00:02:00 2026", 120.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 86400.0),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("120, 60", None),
        ("١٢٠", None),
        ("tomorrow", None),
        ("Thu, 99 Jan 2026 00:02:00 GMT", None),
    ],
)
def test_bad_input_27_seconds_and_dates_are_clamped_and_the_rest_ignored(text, expected):
    assert retry_after({"Retry-After": text}, NOW) == expected


def test_no_header_is_no_wish():
    assert retry_after({}, NOW) is None


@given(st.text(max_size=70) | st.text("0123456789 ,:-+GMTJanThu", max_size=40))
def test_whatever_it_says_it_is_at_most_a_day(text):
    wait = retry_after({"Retry-After": text}, NOW)
    assert wait is None or 0.0 <= wait <= LONGEST
