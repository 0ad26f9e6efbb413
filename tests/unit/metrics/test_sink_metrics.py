from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from repaintd.metrics import Metrics
from repaintd.metrics.exposition import Variant

AT = 1_800_000_000.5
HOOK = {"sink": "webhooks/a"}


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def metrics(registry):
    return Metrics(registry, version="1.2.3")


def test_attempts_and_events_given_up_are_counted_from_nought(metrics, registry):
    metrics.count_delivery("webhooks/a", "ok")
    metrics.count_delivery("webhooks/a", "lost", 7)

    found = {
        result: registry.get_sample_value("repaintd_deliveries_total", {**HOOK, "result": result})
        for result in ("ok", "error", "dead", "lost")
    }
    assert found == {"ok": 1, "error": 0, "dead": 0, "lost": 7}


def test_the_state_of_a_sink_is_told(metrics, registry):
    metrics.set_pending("webhooks/a", 3)
    metrics.set_dead("webhooks/a", 2)
    assert registry.get_sample_value("repaintd_sink_active", HOOK) == 1

    metrics.set_sink_active("webhooks/a", False)

    assert registry.get_sample_value("repaintd_outbox_pending", HOOK) == 3
    assert registry.get_sample_value("repaintd_dead_letters", HOOK) == 2
    assert registry.get_sample_value("repaintd_sink_active", HOOK) == 0


def test_the_last_success_is_absent_before_the_first(metrics, registry):
    name = "repaintd_sink_last_success_timestamp_seconds"
    metrics.set_pending("webhooks/a", 0)
    assert registry.get_sample_value(name, HOOK) is None

    metrics.sink_succeeded("webhooks/a", AT)
    metrics.sink_succeeded("webhooks/a", AT + 1)

    assert registry.get_sample_value(name, HOOK) == AT + 1


def test_series_vanish_with_their_sink(metrics):
    for name in ("webhooks/a", "webhooks/b"):
        metrics.count_delivery(name, "ok")
    metrics.sink_succeeded("webhooks/a", AT)

    for name in ("webhooks/a", "webhooks/b", "nobody"):
        metrics.forget_sink(name)

    assert "webhooks/" not in metrics.exposition((), Variant())().decode()


def test_a_sink_that_comes_back_begins_at_nought(metrics, registry):
    metrics.count_delivery("webhooks/a", "ok")
    metrics.forget_sink("webhooks/a")
    metrics.set_pending("webhooks/a", 0)

    ok = {**HOOK, "result": "ok"}
    assert registry.get_sample_value("repaintd_deliveries_total", ok) == 0


def test_strangers_cannot_make_reasons_without_end(metrics, registry):
    for number in range(1_000):
        metrics.count_rejected(f"invented {number}")
    metrics.count_rejected("invented 0")

    name = "repaintd_triggers_rejected_total"
    text = metrics.exposition((), Variant())().decode()
    assert sum(line.startswith(name) for line in text.splitlines()) == 33
    assert registry.get_sample_value(name, {"reason": "invented 0"}) == 2
    assert registry.get_sample_value(name, {"reason": "other"}) == 968


def test_streams_are_counted_while_they_are_open(metrics, registry):
    for _ in range(3):
        metrics.stream_opened()
    metrics.stream_closed(dropped=False)
    metrics.stream_closed(dropped=True)

    assert registry.get_sample_value("repaintd_event_streams") == 1
    assert registry.get_sample_value("repaintd_event_streams_dropped_total") == 1
