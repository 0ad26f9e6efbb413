from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repaintd.core.coalescing import Bursts
from repaintd.core.state import Trigger

BY_DEFAULT = {"debounce": 1.0, "max_wait": 10.0}
AT_ONCE = {"debounce": 0.0, "max_wait": 0.0}


def begun(times, *, debounce=1.0, max_wait=10.0, lasts=0.0) -> list[float]:
    """When runs of one binding begin that gets triggers at *times*; each run lasts that long."""
    bursts, starts, free_at = Bursts(), [], 0.0

    def start_what_is_due(until: float) -> None:
        nonlocal free_at
        waiting = bursts.waiting("a")
        while waiting is not None and max(waiting.due_at, free_at) <= until:
            at = max(waiting.due_at, free_at)
            assert bursts.take("a", at) is waiting.trigger
            starts.append(at)
            free_at = at + lasts
            waiting = bursts.waiting("a")

    for at in times:
        start_what_is_due(at)
        bursts.add(
            "a", Trigger.WEBHOOK, at, debounce=debounce, max_wait=max_wait, running=at < free_at
        )
    start_what_is_due(float("inf"))
    return starts


def test_the_first_trigger_after_a_quiet_time_runs_at_once():
    assert begun([5.0]) == [5.0]
    assert begun([5.0, 6.0, 7.5]) == [5.0, 6.0, 7.5]


def test_those_that_follow_are_gathered_until_none_came_for_the_debounce():
    assert begun([5.0, 5.5, 6.25, 7.0]) == [5.0, 8.0]


def test_a_burst_is_put_off_no_longer_than_the_longest_wait():
    assert begun([n / 2 for n in range(50)], max_wait=4.0)[:3] == [0.0, 4.5, 8.5]


@pytest.mark.parametrize("seconds", [5.0, 7.5, 10.0])
@pytest.mark.parametrize("lasts", [0.0, 0.05, 3.0])
def test_ten_thousand_triggers_within_seconds_cause_three_runs_at_most(seconds, lasts):
    times = [n * seconds / 9_999 for n in range(10_000)]
    runs = begun(times, lasts=lasts)
    assert len(runs) <= 3
    assert runs[-1] >= times[-1]


def test_a_trigger_during_a_triggered_run_waits_for_its_end_and_for_the_debounce():
    bursts = Bursts()
    waiting = bursts.add("a", Trigger.WEBHOOK, 3.0, **BY_DEFAULT, running=True)
    assert (waiting.due_at, waiting.at_once) == (4.0, False)


def test_without_debounce_every_trigger_runs_as_soon_as_can_be():
    assert begun([1.0, 1.1, 1.2], **AT_ONCE) == [1.0, 1.1, 1.2]
    assert begun([1.0, 1.1, 1.2], **AT_ONCE, lasts=0.5) == [1.0, 1.5]


def test_one_that_must_not_be_put_off_takes_along_what_was_gathered():
    bursts = Bursts()
    bursts.add("a", Trigger.WEBHOOK, 0.0, **BY_DEFAULT, running=True)
    waiting = bursts.add("a", Trigger.MANUAL, 0.5, **AT_ONCE, running=False)
    assert (waiting.due_at, waiting.first_at, waiting.trigger) == (0.5, 0.0, Trigger.MANUAL)


def test_what_waits_for_no_debounce_is_not_put_off_by_a_burst_either():
    bursts = Bursts()
    bursts.add("a", Trigger.MANUAL, 0.5, **AT_ONCE, running=True)
    waiting = bursts.add("a", Trigger.WEBHOOK, 0.6, **BY_DEFAULT, running=True)
    assert (waiting.due_at, waiting.trigger) == (0.5, Trigger.WEBHOOK)


def test_the_run_is_called_after_the_latest_trigger():
    bursts = Bursts()
    bursts.add("a", Trigger.MANUAL, 0.0, **AT_ONCE, running=False)
    bursts.add("a", Trigger.WEBHOOK, 0.0, **BY_DEFAULT, running=False)
    assert bursts.take("a", 0.0) is Trigger.WEBHOOK
    assert bursts.take("a", 0.0) is None


def test_bindings_do_not_share_a_burst():
    bursts = Bursts()
    bursts.add("a", Trigger.WEBHOOK, 0.0, **BY_DEFAULT, running=False)
    bursts.take("a", 0.0)
    assert bursts.add("b", Trigger.WEBHOOK, 0.1, **BY_DEFAULT, running=False).due_at == 0.1


def test_nothing_is_kept_of_a_binding_that_has_become_quiet():
    bursts = Bursts()
    for n in range(100):
        bursts.add(str(n), Trigger.WEBHOOK, 0.0, **BY_DEFAULT, running=False)
        bursts.take(str(n), n / 100)
    bursts.add("0", Trigger.WEBHOOK, 0.9, **BY_DEFAULT, running=False)
    bursts.take("0", 1.9)
    assert len(bursts) == 100
    bursts.forget(1.5)
    assert len(bursts) == 50
    bursts.forget(2.9)
    assert len(bursts) == 0
    assert bursts._endings == []


def test_a_binding_that_is_dropped_starts_anew():
    bursts = Bursts()
    bursts.add("a", Trigger.WEBHOOK, 0.0, **BY_DEFAULT, running=False)
    bursts.take("a", 0.0)
    bursts.add("a", Trigger.WEBHOOK, 0.1, **BY_DEFAULT, running=False)
    bursts.drop("a")
    assert len(bursts) == 0
    assert bursts.add("a", Trigger.WEBHOOK, 0.2, **BY_DEFAULT, running=False).due_at == 0.2


@given(
    gaps=st.lists(st.floats(0, 3), min_size=1, max_size=60),
    debounce=st.floats(0, 5),
    max_wait=st.floats(0, 20),
    lasts=st.floats(0, 8),
)
def test_every_trigger_has_a_later_run_within_the_longest_wait(gaps, debounce, max_wait, lasts):
    times, now = [], 0.0
    for gap in gaps:
        now += gap
        times.append(now)
    runs = begun(times, debounce=debounce, max_wait=max_wait, lasts=lasts)
    for at in times:
        later = min(run for run in runs if run >= at)
        assert later <= at + max_wait + lasts + 1e-6
    assert all(after - before >= lasts - 1e-6 for before, after in pairwise(runs))
    assert len(runs) <= len(times)
