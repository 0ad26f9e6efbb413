from __future__ import annotations

import json
from dataclasses import replace

import pytest

from repaintd.core.binding import (
    Binding,
    Freshness,
    ImageFormat,
    OutputConfig,
    RefreshPolicy,
    Slo,
    SourceConfig,
)
from repaintd.core.state import BindingState, Fallback, StoredImage
from repaintd.core.status import (
    Daemon,
    binding_document,
    head_document,
    image_url,
    status_document,
    total,
)
from repaintd.core.view import Tally, View

NOW = 1_800_000_000.0
URL = "https://pics.example.net"
DAEMON = Daemon(version="1.2.3", started_at=NOW - 130.5, now=NOW, ready=True, public_url=URL)


def view(uid="card", *, paused=False, output=None, **state):
    binding = Binding(
        uid=uid,
        name="A card",
        template_id="repo-card",
        source=SourceConfig(
            type="http",
            spec={"headers": {"X-API-Key": "s3cret"}, "url": "https://api/s3cret"},
            fingerprint="s3cret",
            host="api.example.net:443",
        ),
        mapping={"title": "s3cret.path"},
        defaults={"title": "s3cret"},
        refresh=RefreshPolicy(ttl_seconds=600),
        output=output or OutputConfig(),
        paused=paused,
        webhook={"secret": "s3cret"},
    )
    state = {"variables": {"title": "s3cret"}, "created_at": NOW} | state
    return View(binding=binding, state=BindingState(uid=uid, **state))


def document(*views, tallies=None, daemon=DAEMON, **more):
    return status_document(views, tallies or {}, daemon, **{"events": {}} | more)


def test_a_binding_in_the_words_of_the_contract():
    image = StoredImage(
        etag="abc",
        size=1234,
        format="png",
        media_type="image/png",
        width=1200,
        height=630,
        published_at=NOW - 60,
    )
    fallback = Fallback(variable="title", path="a.b", reason='no key "b"', used="defaults")
    tally = Tally(
        fetches_modified=1,
        fetches_not_modified=2,
        fetches_error=3,
        renders_ok=4,
        renders_error=5,
        skipped_fetch=6,
        skipped_render=7,
        skipped_publish=8,
        publishes=9,
        triggers_queued=10,
        triggers_coalesced=11,
        triggers_ignored=12,
        triggers_duplicate=13,
    )
    one = view(
        image=image,
        fallbacks=(fallback,),
        error_count=2,
        last_error="Data source returned 500",
        last_error_stage="fetch",
        last_error_reason="status",
        last_fetch_at=NOW - 60,
        last_render_at=NOW - 60,
        last_attempt_at=NOW - 1,
        last_success_at=NOW - 60,
        next_due_at=NOW + 29,
        due_reason="retry",
    )

    assert binding_document(one, tally, URL) == {
        "uid": "card",
        "name": "A card",
        "templateId": "repo-card",
        "dataSource": {"type": "http", "host": "api.example.net:443"},
        "refreshPolicy": {"type": "ttl", "ttlSeconds": 600, "onError": "serve_stale"},
        "outputConfig": {"format": "png", "quality": 90},
        "status": "error",
        "stale": False,
        "renderUrl": "https://pics.example.net/b/card.png",
        "lastFetchAt": "2027-01-15T07:59:00.000Z",
        "lastRenderAt": "2027-01-15T07:59:00.000Z",
        "lastAttemptAt": "2027-01-15T07:59:59.000Z",
        "lastSuccessAt": "2027-01-15T07:59:00.000Z",
        "lastError": "Data source returned 500",
        "lastErrorStage": "fetch",
        "lastErrorReason": "status",
        "errorCount": 2,
        "nextRefreshAt": "2027-01-15T08:00:29.000Z",
        "dueReason": "retry",
        "createdAt": "2027-01-15T08:00:00.000Z",
        "dataAsOf": "2027-01-15T07:59:00.000Z",
        "staleSince": None,
        "freshness": None,
        "image": {
            "etag": "abc",
            "size": 1234,
            "mediaType": "image/png",
            "width": 1200,
            "height": 630,
            "publishedAt": "2027-01-15T07:59:00.000Z",
        },
        "fallbacks": [
            {"variable": "title", "path": "a.b", "reason": 'no key "b"', "used": "defaults"}
        ],
        "fetches": {"modified": 1, "notModified": 2, "error": 3},
        "renders": {"ok": 4, "error": 5},
        "saved": {"fetch": 6, "render": 7, "publish": 8, "total": 21},
        "publishes": 9,
        "triggers": {"queued": 10, "coalesced": 11, "ignored": 12, "duplicate": 13},
    }


def test_how_old_the_data_may_be_is_told_and_whether_it_is_older():
    bound = Freshness(max_stale=60.0, slo=Slo(ratio=0.99, age=300.0))
    one = view(stale_since=NOW - 5, last_success_at=NOW - 65)
    stale = replace(one, binding=replace(one.binding, freshness=bound))

    actual = binding_document(stale, Tally(), URL)

    assert (actual["status"], actual["stale"]) == ("active", True)
    assert actual["dataAsOf"] == "2027-01-15T07:58:55.000Z"
    assert actual["staleSince"] == "2027-01-15T07:59:55.000Z"
    assert actual["freshness"] == {
        "maxStaleSeconds": 60.0,
        "slo": {"ratio": 0.99, "ageSeconds": 300.0},
    }
    assert head_document([stale, one], {}, DAEMON, events={})["totals"]["stale"] == 2


def test_an_objective_alone_is_told_without_a_bound_and_a_bound_without_an_objective():
    one = view()
    for bound, expected in (
        (Freshness(max_stale=60.0), {"maxStaleSeconds": 60.0, "slo": None}),
        (
            Freshness(slo=Slo(ratio=0.9, age=5.0)),
            {"maxStaleSeconds": None, "slo": {"ratio": 0.9, "ageSeconds": 5.0}},
        ),
    ):
        bound_view = replace(one, binding=replace(one.binding, freshness=bound))
        assert binding_document(bound_view, Tally(), URL)["freshness"] == expected


def test_a_binding_that_did_nothing_yet():
    actual = binding_document(view(), Tally(), URL)

    assert actual["status"] == "active"
    assert actual["image"] is None
    assert actual["fallbacks"] == []
    assert actual["lastError"] is actual["lastFetchAt"] is actual["nextRefreshAt"] is None


def test_sizes_are_named_where_they_are_configured():
    output = OutputConfig(format=ImageFormat.JPEG, quality=80, width=800, height=418)

    actual = binding_document(view(output=output), Tally(), URL)

    assert actual["outputConfig"] == {
        "format": "jpeg",
        "quality": 80,
        "width": 800,
        "height": 418,
    }


def test_the_image_url_ends_in_the_configured_format():
    output = OutputConfig(format=ImageFormat.WEBP)

    assert image_url(URL, view(output=output).binding) == "https://pics.example.net/b/card.webp"


def test_the_head():
    views = [view("a"), view("b", paused=True, error_count=3), view("c", error_count=1)]
    tallies = {"a": Tally(publishes=1, skipped_fetch=5), "c": Tally(publishes=2)}

    actual = head_document(
        views, tallies, DAEMON, events={"x": 2, "b": 1}, retired=Tally(publishes=4)
    )

    assert actual["daemon"] == {
        "version": "1.2.3",
        "startedAt": "2027-01-15T07:57:49.500Z",
        "uptimeSeconds": 120,
        "ready": True,
    }
    totals = actual["totals"]
    assert (totals["bindings"], totals["active"]) == (3, 1)
    assert (totals["paused"], totals["error"]) == (1, 1)
    assert totals["publishes"] == 7
    assert totals["saved"] == {"fetch": 5, "render": 0, "publish": 0, "total": 5}
    assert list(totals["events"].items()) == [("b", 1), ("x", 2)]


def test_the_whole_is_the_head_and_the_bindings_in_the_order_given():
    views = [view("b"), view("a")]
    tallies = {"a": Tally(publishes=1)}

    actual = document(*views, tallies=tallies)

    assert actual == {
        **head_document(views, tallies, DAEMON, events={}),
        "bindings": [
            binding_document(views[0], Tally(), URL),
            binding_document(views[1], tallies["a"], URL),
        ],
    }


def test_views_may_be_a_generator():
    assert len(status_document((view(u) for u in "ab"), {}, DAEMON, events={})["bindings"]) == 2


@pytest.mark.parametrize("seconds", [0, 30, 49])
def test_within_a_minute_of_uptime_nothing_changes_by_time_alone(seconds):
    later = replace(DAEMON, now=NOW + seconds)

    assert document(view(), daemon=later) == document(view(), daemon=DAEMON)


def test_a_clock_that_was_set_back_gives_no_negative_uptime():
    actual = document(daemon=replace(DAEMON, now=NOW - 86_400))

    assert actual["daemon"]["uptimeSeconds"] == 0


def test_no_secret_is_told():
    assert "s3cret" not in json.dumps(document(view()))


def test_no_tallies_add_up_to_nothing():
    assert total([]) == Tally()
    assert total([Tally(publishes=1, fetches_error=2), Tally(publishes=3)]) == Tally(
        publishes=4, fetches_error=2
    )
