from __future__ import annotations

import pytest

from repaintd.core.binding import PolicyType
from repaintd.web.freshness import AS_OF, FreshnessHeaders, age_headers, cache_control, retry_after

NOW = 1_800_000_000.0

CACHE = {
    "until the next refresh": ({"next_due_at": NOW + 60.9}, "public, max-age=60"),
    "no longer than the ttl": ({"next_due_at": NOW + 9000}, "public, max-age=300"),
    "of the policy": ({"next_due_at": NOW + 9000, "ttl_seconds": 90}, "public, max-age=90"),
    "a refresh that is due": ({"next_due_at": NOW}, "public, max-age=0"),
    "a refresh that is overdue": ({"next_due_at": NOW - 5}, "public, max-age=0"),
    "etag polls too": ({"next_due_at": NOW + 5, "type": PolicyType.ETAG}, "public, max-age=5"),
    "nothing due": ({"next_due_at": None}, "public, no-cache"),
    "webhook": ({"next_due_at": NOW + 5, "type": PolicyType.WEBHOOK}, "public, no-cache"),
    "manual": ({"next_due_at": NOW + 5, "type": PolicyType.MANUAL}, "public, no-cache"),
    "paused": ({"next_due_at": NOW + 5, "paused": True}, "public, no-cache"),
}


@pytest.mark.parametrize(("changes", "expected"), CACHE.values(), ids=CACHE)
def test_cache_control(house, changes, expected):
    assert expected == cache_control(house.add("card", **changes), NOW)


RETRY = {
    "when it is due": ({"next_due_at": NOW + 7.2}, 8),
    "at once is in a second": ({"next_due_at": NOW - 7}, 1),
    "a minute at most": ({"next_due_at": NOW + 3600}, 60),
    "nothing due": ({"next_due_at": None}, 60),
    "paused": ({"next_due_at": NOW + 7, "paused": True}, 60),
}


@pytest.mark.parametrize(("changes", "expected"), RETRY.values(), ids=RETRY)
def test_retry_after(house, changes, expected):
    assert expected == retry_after(house.add("card", **changes), NOW)


AGED = {
    "what is left is added to the age": ({"next_due_at": NOW + 100}, 50, "public, max-age=150"),
    "no longer than the ttl": ({"next_due_at": NOW + 200}, 150, "public, max-age=300"),
    "an overdue refresh leaves nothing": ({"next_due_at": NOW - 5}, 90, "public, max-age=90"),
    "data from the future has no age": ({"next_due_at": NOW + 100}, -9, "public, max-age=100"),
}


@pytest.mark.parametrize(("changes", "age", "expected"), AGED.values(), ids=AGED)
def test_caches_take_the_age_off_what_they_may_keep(house, changes, age, expected):
    assert expected == cache_control(house.add("card", **changes), NOW, NOW - age)


def test_the_age_is_whole_seconds_and_the_moment_is_rfc_3339():
    assert age_headers(NOW - 61.9, NOW) == {"Age": "61", "X-Data-As-Of": "2027-01-15T07:58:58Z"}
    assert age_headers(NOW + 5, NOW)["Age"] == "0"


def test_headers_are_made_anew_each_second_and_for_each_new_state(house):
    headers = FreshnessHeaders()
    view = house.add("card", last_success_at=NOW - 60)
    first = headers.of(view, NOW)
    assert first["Age"] == "60"
    assert headers.of(view, NOW + 0.9) is first
    assert headers.of(view, NOW + 1)["Age"] == "61"
    house.restate("card", last_success_at=NOW)
    assert headers.of(house.bindings.get("card"), NOW + 1)["Age"] == "1"


def test_headers_of_many_images_take_bounded_room(house):
    headers = FreshnessHeaders()
    for number in range(5000):
        headers.of(house.add(f"b{number}"), NOW)
    assert len(headers._made) <= 1024


def test_data_that_does_not_grow_old_has_no_age(house):
    assert AS_OF not in FreshnessHeaders().of(house.add(type=PolicyType.MANUAL), NOW)
