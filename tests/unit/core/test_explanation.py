from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from repaintd.core.binding import Freshness, PolicyType, RefreshPolicy, Slo, SourceConfig
from repaintd.core.explanation import Facts, UnderWay, explanation
from repaintd.core.run import Ending, Run, Streak
from repaintd.core.span import span
from repaintd.core.state import BindingState, Fallback, StoredImage, Trigger
from repaintd.core.view import View
from repaintd.testing import sample_binding

NOW = 1_700_000_000.0
IMAGE = StoredImage(
    etag="e", size=1, format="png", media_type="image/png", width=1, height=1,
    published_at=NOW - 600,
)  # fmt: skip
STATE = BindingState(
    uid="card",
    image=IMAGE,
    next_due_at=NOW + 40,
    due_reason="policy",
    last_attempt_at=NOW - 20,
    last_success_at=NOW - 20,
    streak=Streak(
        number=2,
        count=9,
        trigger=Trigger.TTL,
        ending=Ending.NOT_MODIFIED,
        first_at=NOW - 540,
        fetch=0.5,
        turn=0.25,
    ),
)


def a_run(number=1, **changes):
    values = {"trigger": Trigger.TTL, "ending": Ending.PUBLISHED, "at": NOW - 600}
    return Run(number=number, last_at=NOW - 600, **{**values, **changes})


PUBLISHED = a_run(stages={"fetch": 0.1, "render": 0.2}, seconds=0.3, changed=("title",))
FAILED = a_run(
    ending=Ending.FAILED, stage="fetch", reason="timeout", error="no answer", due_reason="retry"
)


def explained(binding=None, runs=(PUBLISHED,), facts=None, **changes):
    binding = binding or sample_binding(refresh=RefreshPolicy(ttl_seconds=60))
    view = View(binding=binding, state=replace(STATE, **changes))
    return explanation(Facts(view=view, now=NOW, runs=runs, **(facts or {})))


def test_an_unchanged_binding_says_since_when_and_what_decides_the_next_poll():
    document = explained()
    assert document["verdict"] == (
        "card is active: unchanged since 2023-11-14T22:03:20.000Z, next poll in 40 s because "
        "ttlSeconds is 60 (place 0.91 of the period)"
    )
    assert document["rules"] == [
        (
            "policy ttl: asked every 1 min, 54.4 s into the period (spread: a hash of the uid, "
            "always the same)"
        ),
        (
            "not drawn anew: in the last 9 runs (since 2023-11-14T22:04:20.000Z) the source said "
            "that nothing has changed (304)"
        ),
    ]


def test_the_streak_that_goes_on_is_the_latest_run():
    latest, first = explained()["runs"]
    assert (latest["number"], latest["count"], latest["outcome"]) == (2, 9, "not_modified")
    assert (latest["at"], latest["lastAt"]) == (
        "2023-11-14T22:04:20.000Z",
        "2023-11-14T22:13:00.000Z",
    )
    assert latest["stages"] == {"turn": 0.25, "fetch": 0.5}
    assert first["changed"] == ["title"]


def test_a_failing_binding_says_at_what_how_often_and_when_it_is_tried_again():
    document = explained(
        runs=[PUBLISHED, replace(FAILED, number=2), replace(FAILED, number=3)],
        streak=Streak(number=4),
        error_count=2,
        last_error="no answer",
        last_error_stage="fetch",
        last_error_reason="timeout",
        due_reason="retry",
    )
    assert document["verdict"] == (
        "card is failing: 2 times in a row at fetch (timeout); the image of "
        "2023-11-14T22:03:20.000Z stays, next try in 40 s because of the back-off after "
        "2 failures in a row"
    )
    assert document["rules"][0] == (
        "back-off: 2 failures in a row; the next try is a random time up to "
        "min(ttlSeconds 60, 30 s · 2^1, 1 h) away; the last error: no answer"
    )
    assert [run["number"] for run in document["failures"]] == [3, 2]
    assert document["failures"][0]["error"] == "no answer"


def test_one_failure_before_the_first_image_is_told_in_the_singular():
    document = explained(
        runs=[FAILED], streak=None, image=None, error_count=1, last_error="no",
        last_error_stage="map", last_error_reason="missing", due_reason="retry",
    )  # fmt: skip
    assert document["verdict"] == (
        "card is failing: once at map (missing); there is no image yet, next try in 40 s because "
        "of the back-off after one failure"
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("retry_after", "because the source asked for it (Retry-After)"),
        ("cache_control", "(Cache-Control)"),
        ("first", "because it has not run yet (place 0.91 of the start)"),
        ("changed", "because its configuration has changed"),
        ("trigger", "because a trigger was accepted that no run has seen"),
        ("dice", "because of the rule dice"),
    ],
)
def test_what_decided_the_next_time_is_named(reason, words):
    assert words in explained(due_reason=reason)["verdict"]


@pytest.mark.parametrize(
    ("reason", "rule"), [("retry_after", "Retry-After: "), ("cache_control", "Cache-Control: ")]
)
def test_what_the_source_asked_for_is_a_rule(reason, rule):
    assert any(each.startswith(rule) for each in explained(due_reason=reason)["rules"])


def test_a_paused_binding_says_so_first():
    document = explained(sample_binding(paused=True))
    assert document["verdict"] == (
        "card is paused: nothing runs; the image of 2023-11-14T22:03:20.000Z stays, "
        "until `paused: true` is taken out"
    )
    assert document["rules"][0].startswith("paused: timers stand still")
    assert document["next"]["at"] is None


def test_a_binding_that_is_not_polled_says_what_makes_it_run():
    source = SourceConfig(type="webhook", spec=None, fingerprint="s")
    binding = sample_binding(source=source, refresh=RefreshPolicy(type=PolicyType.WEBHOOK))
    waiting = a_run(ending=Ending.WAITING)
    document = explained(
        binding, [waiting], {"pending": True}, image=None, streak=None, next_due_at=None
    )
    assert document["verdict"] == (
        "card is active: it waits for its first data, next run when it is triggered"
    )
    assert document["rules"] == [
        "trigger: one was accepted that no recorded run has seen; a run follows",
        "policy webhook, source webhook: never polled, runs when it is triggered",
    ]


def test_a_run_under_way_says_what_it_waits_for():
    run = UnderWay(trigger="ttl", at=NOW - 12, stage="turn", stage_seconds=12.0)
    document = explained(facts={"under_way": run})
    assert document["verdict"].endswith("a run is under way")
    assert document["rules"][0] == (
        "since 2023-11-14T22:13:08.000Z a run (ttl) is under way: waiting for a turn at "
        "example.org:443 (refresh.perHost, refresh.concurrency) for 12 s"
    )
    assert document["underWay"]["stageSeconds"] == 12.0


def test_waiting_for_a_turn_at_a_host_is_a_rule():
    slow = a_run(stages={"turn": 12.4})
    assert explained(runs=[slow])["rules"][-1] == (
        "per-host budget: waited up to 12 s for a turn at example.org:443 (refresh.perHost)"
    )


def test_variables_that_fell_back_are_told_with_the_reason():
    fallback = Fallback(
        variable="stars", path="n", reason='path "n" matched nothing', used="defaults"
    )
    document = explained(fallbacks=(fallback,), runs=[replace(PUBLISHED, fallbacks=(fallback,))])
    assert document["rules"][-1] == 'variable stars: path "n" matched nothing; used: defaults'
    assert document["fallbacks"] == document["runs"][-1]["fallbacks"]


def test_a_new_image_is_told_as_such_and_a_poll_that_is_due_is_now():
    document = explained(streak=Streak(number=2), next_due_at=NOW - 1)
    assert ": drawn anew at " in document["verdict"]
    assert "next poll now because" in document["verdict"]


def test_a_binding_that_never_ran():
    document = explained(runs=(), streak=None, image=None, due_reason="first")
    assert "there is no image yet" in document["verdict"]
    assert document["runs"] == document["failures"] == []


def test_one_run_with_nothing_to_do_is_told_in_the_singular():
    streak = replace(STATE.streak, count=1, ending=Ending.UNCHANGED)
    rule = explained(streak=streak)["rules"][-1]
    assert rule == (
        "not drawn anew: in the last run (2023-11-14T22:04:20.000Z) the variables were the same"
    )


def test_of_many_runs_the_latest_are_shown_and_the_latest_failures_beyond():
    runs = [
        replace(FAILED, number=n) if n < 20 else replace(PUBLISHED, number=n) for n in range(50)
    ]
    document = explained(runs=runs, streak=None)
    assert [run["number"] for run in document["runs"]] == list(range(49, 29, -1))
    assert [run["number"] for run in document["failures"]] == list(range(19, 9, -1))


def test_how_old_the_data_may_be_and_is_is_a_rule():
    bound = Freshness(max_stale=3600.0, slo=Slo(ratio=0.99, age=300.0))
    one = sample_binding(freshness=bound)
    assert explained(one)["rules"][-1] == (
        "freshness (maxStale 1 h, slo 99% < 300s): the data is of 2023-11-14T22:13:00.000Z"
    )
    document = explained(one, stale_since=NOW - 5)
    assert document["verdict"].startswith("card is active and stale: ")
    assert document["rules"][-1].endswith("; stale, which was told at 2023-11-14T22:13:15.000Z")
    one = sample_binding(freshness=Freshness(slo=bound.slo))
    assert explained(one, last_success_at=None)["rules"][-1] == (
        "freshness (slo 99% < 300s): the data is of no time yet"
    )


def test_the_document_is_json():
    assert orjson.loads(orjson.dumps(explained())) == explained()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (-5, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (90_061, "1 d 1 h")],
)
def test_spans_have_two_units_at_most(seconds, words):
    assert span(seconds) == words
