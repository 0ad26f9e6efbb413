from __future__ import annotations

import gzip

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from repaintd.core.binding import Binding, Freshness, Slo, SourceConfig
from repaintd.core.event import FAILED, NAMES, UPDATED
from repaintd.core.state import BindingState
from repaintd.core.view import Tally, View
from repaintd.metrics import METRICS, Metrics
from repaintd.metrics.exposition import Variant, negotiate

AT = 1_800_000_000.5


def view(uid, *, paused=False, freshness=None, type_="http", **state):
    source = SourceConfig(type=type_, spec=None, fingerprint="")
    binding = Binding(
        uid=uid, name=uid, template_id="t", source=source, paused=paused, freshness=freshness
    )
    return View(binding=binding, state=BindingState(uid=uid, **state))


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def metrics(registry):
    return Metrics(registry, version="1.2.3")


def samples(metrics, *views, parse=parse_text, **variant):
    text = metrics.exposition(views, Variant(**variant))()
    families = parse(text.decode())
    return {
        (s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples
    }


def of_binding(found, uid):
    return {key for key in found if ("binding", uid) in key}


def test_a_tally_is_the_same_object_for_ever(metrics):
    metrics.tally("a").publishes += 1
    metrics.tally("a").publishes += 1

    assert metrics.tally("a").publishes == 2
    assert metrics.tallies() == {"a": Tally(publishes=2)}


@pytest.mark.parametrize("openmetrics", [False, True])
def test_every_counter_of_a_binding_is_told(metrics, openmetrics):
    tally = metrics.tally("a")
    for number, name in enumerate(Tally.__dataclass_fields__, start=1):
        setattr(tally, name, number)

    parse = parse_openmetrics if openmetrics else parse_text
    found = samples(metrics, view("a"), parse=parse, openmetrics=openmetrics)

    expected = {
        ("repaintd_fetches_total", "result", "modified"): 1,
        ("repaintd_fetches_total", "result", "not_modified"): 2,
        ("repaintd_fetches_total", "result", "error"): 3,
        ("repaintd_renders_total", "result", "ok"): 4,
        ("repaintd_renders_total", "result", "error"): 5,
        ("repaintd_work_skipped_total", "level", "fetch"): 6,
        ("repaintd_work_skipped_total", "level", "render"): 7,
        ("repaintd_work_skipped_total", "level", "publish"): 8,
        ("repaintd_triggers_total", "result", "queued"): 10,
        ("repaintd_triggers_total", "result", "coalesced"): 11,
        ("repaintd_triggers_total", "result", "ignored"): 12,
        ("repaintd_triggers_total", "result", "duplicate"): 13,
    }
    for (name, label, value), number in expected.items():
        assert found[name, ("binding", "a"), (label, value)] == number
    assert found["repaintd_publishes_total", ("binding", "a")] == 9


def test_counters_start_at_nought(metrics):
    found = samples(metrics, view("a"))

    assert found["repaintd_publishes_total", ("binding", "a")] == 0
    assert len(of_binding(found, "a")) == 14  # 13 counters and the consecutive failures


def test_the_health_of_a_binding_is_told(metrics):
    found = samples(
        metrics, view("a", last_success_at=AT, last_attempt_at=AT + 60, error_count=3), view("b")
    )

    a, b = ("binding", "a"), ("binding", "b")
    assert found["repaintd_binding_last_success_timestamp_seconds", a] == AT
    assert found["repaintd_binding_last_attempt_timestamp_seconds", a] == AT + 60
    assert found["repaintd_binding_consecutive_failures", a] == 3
    assert found["repaintd_binding_consecutive_failures", b] == 0
    assert ("repaintd_binding_last_success_timestamp_seconds", b) not in found


def test_bindings_are_counted_by_status(metrics):
    found = samples(
        metrics,
        view("a"),
        view("b"),
        view("c", paused=True, error_count=1),
        view("d", error_count=1),
    )

    assert found["repaintd_bindings", ("status", "active")] == 2
    assert found["repaintd_bindings", ("status", "paused")] == 1
    assert found["repaintd_bindings", ("status", "error")] == 1


def test_series_vanish_with_their_binding_and_totals_do_not_fall(metrics):
    metrics.tally("a").publishes += 3
    metrics.tally("b").publishes += 4

    metrics.forget("a")
    metrics.forget("nobody")

    assert of_binding(samples(metrics, view("b")), "a") == set()
    assert metrics.tallies() == {"b": Tally(publishes=4)}
    assert metrics.retired() == Tally(publishes=3)


def test_a_strange_uid_cannot_forge_series(metrics):
    uid = 'x"} 1\nrepaintd_up 1\n#\\'

    found = samples(metrics, view(uid))

    assert of_binding(found, uid)
    assert ("repaintd_up",) not in found


def test_events_are_counted_from_nought(metrics):
    metrics.count_event(FAILED)

    found = samples(metrics)

    assert metrics.events() == {**dict.fromkeys(NAMES, 0), FAILED: 1}
    assert found["repaintd_events_total", ("event", FAILED)] == 1
    assert found["repaintd_events_total", ("event", UPDATED)] == 0


def test_durations_are_observed(metrics):
    metrics.observe_fetch(0.2)
    metrics.observe_refresh_lag(0.2)
    metrics.observe_loop_lag(0.2)
    metrics.observe_render("chromium", "png", 0.2)
    metrics.observe_render("chromium", "png", 0.4)

    found = samples(metrics)

    assert found[("repaintd_fetch_duration_seconds_sum",)] == 0.2
    assert found[("repaintd_refresh_lag_seconds_count",)] == 1
    assert found[("repaintd_event_loop_lag_seconds_count",)] == 1
    labels = (("format", "png"), ("renderer", "chromium"))
    assert found["repaintd_render_duration_seconds_count", *labels] == 2


def test_a_failed_reload_leaves_the_time_of_the_good_one(metrics):
    metrics.config_reloaded(successful=True, at=AT)
    metrics.config_reloaded(successful=False, at=AT + 60)

    found = samples(metrics)

    assert found[("repaintd_config_last_reload_successful",)] == 0
    assert found[("repaintd_config_last_reload_success_timestamp_seconds",)] == AT


def test_the_build_is_named(metrics):
    assert samples(metrics)["repaintd_build_info", ("version", "1.2.3")] == 1


def test_the_process_is_measured(metrics):
    assert samples(metrics)[("process_resident_memory_bytes",)] > 0


@pytest.mark.parametrize("openmetrics", [False, True])
def test_metrics_of_plugins_are_told_too(metrics, registry, openmetrics):
    Counter("repaintd_browser_restarts", "Restarts.", ["reason"], registry=registry).labels(
        "x"
    ).inc()

    parse = parse_openmetrics if openmetrics else parse_text
    found = samples(metrics, parse=parse, openmetrics=openmetrics)

    assert found["repaintd_browser_restarts_total", ("reason", "x")] == 1
    assert not [key for key in found if key[0].endswith("_created")]


@pytest.mark.parametrize("openmetrics", [False, True])
def test_the_table_names_every_metric_with_its_labels_and_nothing_else(metrics, openmetrics):
    metrics.observe_render("chromium", "png", 0.4)
    metrics.count_failure("a", "fetch", "status")
    metrics.sink_succeeded("mqtt", AT)
    metrics.count_rejected("signature")
    metrics.set_check("renderer", ok=True)
    bound = Freshness(max_stale=60.0, slo=Slo(ratio=0.99, age=300.0))
    one = view("a", last_success_at=AT, last_attempt_at=AT, freshness=bound)
    text = metrics.exposition([one], Variant(openmetrics=openmetrics))().decode()
    parse = parse_openmetrics if openmetrics else parse_text

    suffix = {"counter": "_total", "info": "_info"} if openmetrics else {"counter": "_total"}
    found = {}
    for family in parse(text):
        name = family.name + suffix.get(family.type, "")
        labels = {label for s in family.samples for label in s.labels} - {"le"}
        if not name.startswith("process_"):
            found[name] = (family.documentation, labels)

    assert found == {spec.name: (spec.help, set(spec.labels)) for spec in METRICS}


def test_ages_are_told_of_bindings_that_have_a_bound_or_an_objective(metrics):
    bound = Freshness(max_stale=60.0)
    aim = Freshness(slo=Slo(ratio=0.99, age=300.0))
    fixed = view("d", type_="static", freshness=aim, last_success_at=AT)
    found = samples(
        metrics,
        view("a", freshness=bound, created_at=AT),
        view("b", freshness=bound, stale_since=AT, last_success_at=AT - 9),
        view("c", freshness=aim, last_success_at=AT),
        fixed,
        view("e", last_success_at=AT),
    )
    ages = {
        "_".join([name.removeprefix("repaintd_binding_"), labels[0][1]]): value
        for (name, *labels), value in found.items()
        if any(word in name for word in ("stale", "slo", "data_timestamp"))
    }
    assert ages == {
        "stale_a": 0,
        "stale_b": 1,
        "max_stale_seconds_a": 60,
        "max_stale_seconds_b": 60,
        "data_timestamp_seconds_a": AT,
        "data_timestamp_seconds_b": AT - 9,
        "data_timestamp_seconds_c": AT,
        "slo_age_seconds_c": 300,
        "slo_ratio_c": 0.99,
    }


def test_every_metric_has_a_meaning_and_a_base_unit():
    for spec in METRICS:
        assert spec.help.endswith(".")
        assert spec.name.startswith("repaintd_")
        assert (spec.kind == "counter") == spec.name.endswith("_total")
        assert not any(unit in spec.name for unit in ("_ms", "_millis", "_minutes", "_kb"))


def test_gzip_holds_the_same_text(metrics):
    views = [view(str(number)) for number in range(3)]
    plain = metrics.exposition(views, Variant())()
    packed = metrics.exposition(views, Variant(gzip=True))()

    lines = [n for n in plain.splitlines() if not n.startswith(b"process_")]
    unpacked = gzip.decompress(packed).splitlines()
    assert lines == [n for n in unpacked if not n.startswith(b"process_")]


def test_openmetrics_ends_with_its_end(metrics):
    text = metrics.exposition([], Variant(openmetrics=True))()

    assert text.endswith(b"\n# EOF\n")
    assert text.count(b"# EOF") == 1


ACCEPTED = {
    "nothing": ("", "", Variant()),
    "anything": ("*/*", "*", Variant()),
    "text": ("text/plain;version=0.0.4", "identity", Variant()),
    "openmetrics": ("application/openmetrics-text", "", Variant(openmetrics=True)),
    "openmetrics among others": (
        "text/html, Application/OpenMetrics-Text;version=1.0.0;q=0.5",
        "deflate, GZIP",
        Variant(openmetrics=True, gzip=True),
    ),
    "gzip is not zipgzip": ("", "zipgzip", Variant()),
    "gzip with a weight": ("", "gzip;q=0.5", Variant(gzip=True)),
    "gzip refused": ("", "gzip;q=0", Variant()),
}


@pytest.mark.parametrize(("accept", "coding", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_negotiate(accept, coding, expected):
    assert negotiate(accept, coding) == expected


def test_failures_are_counted_by_stage_and_reason_and_go_with_their_binding(metrics):
    for reason in ("status", "status", "timeout"):
        metrics.count_failure("a", "fetch", reason)
    text = metrics.exposition([view("a")], Variant(openmetrics=False))().decode()
    name = "repaintd_refresh_failures_total"
    assert f'{name}{{binding="a",stage="fetch",reason="status"}} 2\n' in text
    assert f'{name}{{binding="a",stage="fetch",reason="timeout"}} 1\n' in text
    metrics.forget("a")
    assert f"{name}{{" not in metrics.exposition([], Variant(openmetrics=False))().decode()


def test_a_plugin_that_invents_reasons_makes_no_series_without_end(metrics):
    for number in range(100):
        metrics.count_failure("a", "fetch", f"reason {number}")
    assert len(metrics._failures["a"]) == 33
    assert metrics._failures["a"]["fetch", "other"] == 68
