from __future__ import annotations

from dataclasses import replace

import pytest

from repaintd.core.binding import Freshness, PolicyType, RefreshPolicy, Slo, SourceConfig
from repaintd.core.event import FRESH, STALE
from repaintd.core.fetch import Fetched, NoDocument
from repaintd.core.health import Stamp, after_success
from repaintd.core.pipeline import Outcome, Work
from repaintd.core.schedule import NEVER
from repaintd.core.staleness import data_time, has_age, is_stale, stale_at
from repaintd.core.staleness_event import is_to_tell, tell
from repaintd.core.state import BindingState, Trigger
from repaintd.testing import sample_binding, sample_template

NOW = 1_700_000_000.0
HOUR = Freshness(max_stale=3600.0)
STATE = BindingState(uid="card", created_at=NOW - 9000, last_success_at=NOW - 3600, sequence=7)
STAMP = Stamp(now=NOW, render_url="https://pics/b/card.png")


def binding(type_="http", policy=PolicyType.TTL, freshness=HOUR):
    return sample_binding(
        source=SourceConfig(type=type_, spec=None, fingerprint="s"),
        refresh=RefreshPolicy(type=policy),
        freshness=freshness,
    )


@pytest.mark.parametrize(
    ("one", "grows_old"),
    [
        (binding(), True),
        (binding(policy=PolicyType.ETAG), True),
        (binding(policy=PolicyType.WEBHOOK), True),
        (binding("webhook", PolicyType.WEBHOOK), True),
        (binding("webhook", PolicyType.MANUAL), True),
        (binding(policy=PolicyType.MANUAL), False),
        (binding("static"), False),
        (binding("static", freshness=None), False),
        (binding("static", freshness=replace(HOUR, insisted=True)), True),
    ],
)
def test_which_data_grows_old(one, grows_old):
    assert has_age(one) is grows_old
    assert (data_time(one, replace(STATE, pushed_at=NOW)) is not None) is grows_old
    assert (stale_at(one, STATE) is not None) is grows_old


def test_data_is_stale_when_the_bound_is_passed_and_not_before():
    assert not is_stale(binding(), STATE, NOW)
    assert is_stale(binding(), STATE, NOW + 0.001)


def test_without_a_bound_nothing_is_stale():
    for freshness in (None, Freshness(slo=Slo(ratio=0.9, age=5))):
        assert not is_stale(binding(freshness=freshness), STATE, NOW + 1e9)


def test_before_the_first_data_time_counts_from_when_the_binding_was_first_seen():
    state = replace(STATE, last_success_at=None)
    assert stale_at(binding(), state) == NOW - 9000 + 3600


def test_pushed_data_is_as_old_as_the_latest_push_that_was_taken():
    pushed = replace(STATE, pushed_at=NOW - 60)
    one = binding("webhook", PolicyType.WEBHOOK)
    assert data_time(one, pushed) == NOW - 60
    assert data_time(one, STATE) is None
    assert not is_stale(one, pushed, NOW)


def after_a_run(result, trigger=Trigger.WEBHOOK, type_="webhook", **state):
    work = Work(
        binding=binding(type_, PolicyType.WEBHOOK),
        template=sample_template(),
        state=replace(STATE, **state),
        trigger=trigger,
        now=NOW,
        mapping_fingerprint="m",
    )
    return after_success(work, Outcome(result=result, mapped=None), NEVER, STAMP).state.pushed_at


def test_who_asks_by_hand_makes_pushed_data_no_newer():
    same, new = Fetched(document={}, body_hash="1"), Fetched(document={}, body_hash="2")
    known = {"pushed_at": NOW - 60, "body_hash": "1"}
    assert after_a_run(same, Trigger.MANUAL, **known) == NOW - 60
    assert after_a_run(same, Trigger.UPDATE, **known) == NOW - 60
    assert after_a_run(new, Trigger.MANUAL, **known) == NOW
    assert after_a_run(same, **known) == NOW
    assert after_a_run(same, Trigger.MANUAL) == NOW
    assert after_a_run(NoDocument()) is None
    assert after_a_run(None, **known) == NOW - 60
    assert after_a_run(same, type_="http", **known) is None


def test_who_passes_the_bound_is_told_of_once():
    settled = tell(binding(), STATE, replace(STAMP, now=NOW + 1))
    assert settled.state == replace(STATE, stale_since=NOW + 1, sequence=8)
    event = settled.event
    assert (event.name, event.sequence, event.at) == (STALE, 8, NOW + 1)
    assert event.data == {
        "bindingId": "card",
        "uid": "card",
        "templateId": "plain",
        "renderUrl": "https://pics/b/card.png",
        "asOf": "2023-11-14T21:13:20.000Z",
        "ageSeconds": 3601.0,
        "maxStaleSeconds": 3600.0,
        "staleSince": "2023-11-14T22:13:21.000Z",
        "error": None,
        "sequence": 8,
        "eventId": event.id,
    }
    assert tell(binding(), settled.state, replace(STAMP, now=NOW + 100)) is None


def test_who_meets_the_bound_again_is_told_of_once():
    stale = replace(STATE, stale_since=NOW - 600, last_success_at=NOW)
    settled = tell(binding(), stale, STAMP)
    assert (settled.event.name, settled.state.stale_since) == (FRESH, None)
    assert settled.event.data["staleSince"] == "2023-11-14T22:03:20.000Z"
    assert settled.event.data["ageSeconds"] == 0
    assert tell(binding(), settled.state, STAMP) is None


def test_a_bound_that_is_taken_away_is_met():
    stale = replace(STATE, stale_since=NOW - 600)
    assert is_to_tell(binding(freshness=None), stale, NOW)
    event = tell(binding(freshness=None), stale, STAMP).event
    assert (event.name, event.data["maxStaleSeconds"]) == (FRESH, None)


def test_a_binding_without_data_has_no_age():
    state = replace(STATE, last_success_at=None, last_error="no answer")
    data = tell(binding(), state, STAMP).event.data
    assert (data["asOf"], data["ageSeconds"], data["error"]) == (None, None, "no answer")
