from __future__ import annotations

from collections import Counter

import pytest

from repaintd.core import schedule
from repaintd.core.binding import PolicyType, RefreshPolicy, SourceConfig
from repaintd.core.fetch import Hints
from repaintd.testing import sample_binding

NOW = 1_767_225_600.0


def binding(policy: str = "ttl", ttl: int = 300, uid: str = "card", source: str = "http"):
    return sample_binding(
        uid=uid,
        refresh=RefreshPolicy(type=PolicyType(policy), ttl_seconds=ttl),
        source=SourceConfig(type=source, spec=None, fingerprint="f"),
    )


def test_polls_lie_on_a_grid_that_no_restart_moves():
    first = schedule.next_on_grid("card", 300, NOW)
    assert NOW < first <= NOW + 300
    assert schedule.next_on_grid("card", 300, first) == pytest.approx(first + 300)
    assert schedule.next_on_grid("card", 300, first - 0.01) == pytest.approx(first)


def test_a_run_on_time_is_followed_by_one_a_period_later():
    at = schedule.next_on_grid("card", 300, NOW)
    assert schedule.after_success(binding(), at + 2).at == pytest.approx(at + 300)


def test_a_run_out_of_turn_is_followed_by_one_at_least_half_a_period_later():
    for offset in range(0, 300, 7):
        at = schedule.after_success(binding(), NOW + offset).at
        assert at is not None
        assert 150 < at - (NOW + offset) <= 450


def test_p2_a_thousand_bindings_of_one_period_make_no_herd():
    dues = [schedule.next_on_grid(f"binding-{n}", 60, NOW) for n in range(1000)]
    seconds = Counter(int(at - NOW) for at in dues)
    assert max(seconds.values()) <= 3 * 1000 / 60


def test_p2_a_cold_start_is_spread_and_a_small_one_is_at_once():
    assert schedule.start_window(4, 300) < 0.1
    assert schedule.start_window(1000, 300) == 20
    assert schedule.start_window(100_000, 60) == 60
    dues = [schedule.soon(f"b{n}", NOW, 20, "first").at - NOW for n in range(1000)]
    assert min(dues) >= 0
    assert max(dues) < 20
    assert max(Counter(int(d) for d in dues).values()) <= 3 * 50


@pytest.mark.parametrize(
    ("policy", "source"),
    [("webhook", "http"), ("manual", "http"), ("ttl", "static"), ("etag", "webhook")],
)
def test_what_is_not_polled_waits_for_a_trigger(policy: str, source: str):
    assert schedule.after_success(binding(policy, source=source), NOW) == schedule.NEVER


def test_retry_after_raises_the_next_time_and_is_clamped_to_an_hour():
    due = schedule.after_success(binding(), NOW, Hints(retry_after=1000))
    assert (due.at, due.reason) == (NOW + 1000, "retry_after")
    assert schedule.after_success(binding(), NOW, Hints(retry_after=10**9)).at == NOW + 3600


def test_retry_after_never_lowers_the_next_time():
    plain = schedule.after_success(binding(), NOW)
    assert schedule.after_success(binding(), NOW, Hints(retry_after=1)) == plain


def test_cache_control_raises_it_for_etag_policies_only_up_to_a_day():
    hints = Hints(max_age=10**9)
    assert schedule.after_success(binding("etag"), NOW, hints).at == NOW + 86_400
    assert schedule.after_success(binding("etag"), NOW, hints).reason == "cache_control"
    assert schedule.after_success(binding("ttl"), NOW, hints).reason == "policy"


@pytest.mark.parametrize(("failures", "bound"), [(1, 30), (2, 60), (3, 120), (9, 3600), (99, 3600)])
def test_retries_have_full_jitter_under_a_doubling_bound(failures: int, bound: float):
    slow = binding(ttl=604_800)
    assert schedule.after_failure(slow, NOW, failures, 0.999999).at == pytest.approx(
        NOW + bound, rel=1e-5
    )
    assert schedule.after_failure(slow, NOW, failures, 0.0).at == NOW + 1
    assert schedule.after_failure(slow, NOW, failures, 0.5).at == NOW + bound / 2


def test_a_retry_is_no_later_than_the_period_unless_the_source_asks_for_it():
    assert schedule.after_failure(binding(ttl=60), NOW, 9, 0.999).at < NOW + 60
    due = schedule.after_failure(binding(ttl=60), NOW, 1, 0.5, retry_after=120)
    assert (due.at, due.reason) == (NOW + 120, "retry_after")


def test_a_binding_that_waits_for_triggers_retries_too():
    assert schedule.after_failure(binding("manual"), NOW, 1, 0.5).at == NOW + 15


def test_a_run_that_did_not_ask_the_source_moves_no_poll():
    for ago in (0, 1, 10, 100, 149):
        polled = schedule.after_success(binding(), NOW - ago)
        assert schedule.after_update(binding(), NOW, NOW - ago) == polled
    assert schedule.after_update(binding(), NOW, NOW - 1_000).at == NOW
    assert schedule.after_update(binding(), NOW, NOW + 9e9).at <= NOW + 450
    assert schedule.after_update(binding(), NOW, None).at == NOW
    assert schedule.after_update(binding("manual"), NOW, NOW) == schedule.NEVER
