from __future__ import annotations

import math

import pytest

from repaintd.core.backoff import growing, stepped

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


@pytest.mark.parametrize(
    ("dice", "expected"), [(0.0, 48.0), (0.5, 60.0), (0.999_999, pytest.approx(72.0, abs=0.001))]
)
def test_a_step_is_moved_by_its_share_at_most(dice, expected):
    assert stepped(MINUTE, jitter=0.2, dice=dice) == expected


def test_without_jitter_the_step_is_exact():
    assert stepped(MINUTE, jitter=0.0, dice=0.9) == MINUTE


@pytest.mark.parametrize(
    ("step", "asked", "expected"),
    [
        (MINUTE, 120.0, 120.0),  # later, as asked
        (MINUTE, 10.0, MINUTE),  # never earlier
        (MINUTE, -5.0, MINUTE),
        (MINUTE, 2 * DAY, HOUR),  # an hour at most where the step is shorter,
        (2 * HOUR, DAY, 2 * HOUR),  # and the step where it is longer
        (MINUTE, math.inf, HOUR),
        (MINUTE, math.nan, MINUTE),
    ],
)
def test_a_receiver_may_put_it_off_within_bounds(step, asked, expected):
    assert stepped(step, jitter=0.2, dice=0.5, retry_after=asked) == expected


def test_jitter_is_not_cut_by_the_bound_on_what_receivers_ask_for():
    assert stepped(DAY, jitter=0.2, dice=0.0, retry_after=None) == pytest.approx(0.8 * DAY)


@pytest.mark.parametrize(
    ("failures", "bound"), [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (10_000, 300)]
)
def test_growing_waits_double_to_their_bound(failures, bound):
    assert growing(failures, dice=0.999_999_9) == pytest.approx(bound)
    assert growing(failures, dice=0.5) == bound / 2


def test_full_jitter_never_spins():
    assert growing(1, dice=0.0) == 0.1


@pytest.mark.parametrize(("asked", "expected"), [(30.0, 30.0), (0.0, 0.5), (DAY, HOUR)])
def test_growing_waits_are_put_off_within_an_hour(asked, expected):
    assert growing(1, dice=0.5, retry_after=asked) == expected


def test_growing_waits_have_other_bounds_on_request():
    assert growing(9, dice=0.5, base=2.0, most=30.0) == 15.0
