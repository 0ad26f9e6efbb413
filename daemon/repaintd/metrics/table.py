"""Every metric that the daemon itself exposes, with its labels and its meaning.

Plugins add their own (the Chromium plugin: `repaintd_render_queue_depth` and
`repaintd_browser_restarts_total`), and prometheus_client adds `process_*`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """One metric as it is called on the wire; base units, bounded labels."""

    name: str
    kind: Kind
    labels: tuple[str, ...] = ()
    help: str


BUILD_INFO: Final = MetricSpec(
    name="repaintd_build_info",
    kind="info",
    labels=("version",),
    help="The running version; always 1.",
)
BINDINGS: Final = MetricSpec(
    name="repaintd_bindings",
    kind="gauge",
    labels=("status",),
    help="Bindings of the active configuration by status.",
)
FETCHES: Final = MetricSpec(
    name="repaintd_fetches_total",
    kind="counter",
    labels=("binding", "result"),
    help="Questions put to the source: modified, not_modified or error.",
)
FETCH_DURATION: Final = MetricSpec(
    name="repaintd_fetch_duration_seconds",
    kind="histogram",
    help="Time to ask a source once, whatever it answered.",
)
RENDERS: Final = MetricSpec(
    name="repaintd_renders_total",
    kind="counter",
    labels=("binding", "result"),
    help="Images drawn: ok or error.",
)
RENDER_DURATION: Final = MetricSpec(
    name="repaintd_render_duration_seconds",
    kind="histogram",
    labels=("renderer", "format"),
    help="Time to draw one image, waiting for a turn not counted.",
)
FAILURES: Final = MetricSpec(
    name="repaintd_refresh_failures_total",
    kind="counter",
    labels=("binding", "stage", "reason"),
    help="Failed refreshes by stage (fetch, map, render, publish) and reason.",
)
WORK_SKIPPED: Final = MetricSpec(
    name="repaintd_work_skipped_total",
    kind="counter",
    labels=("binding", "level"),
    help="Refreshes that ended early because nothing had changed: "
    "fetch (the source said 304), render (same variables), publish (same bytes).",
)
PUBLISHES: Final = MetricSpec(
    name="repaintd_publishes_total",
    kind="counter",
    labels=("binding",),
    help="New images put in place.",
)
EVENTS: Final = MetricSpec(
    name="repaintd_events_total",
    kind="counter",
    labels=("event",),
    help="Events recorded.",
)
TRIGGERS: Final = MetricSpec(
    name="repaintd_triggers_total",
    kind="counter",
    labels=("binding", "result"),
    help="Requests to refresh now: queued, coalesced with one that waits, ignored (paused), "
    "or duplicate (its id was seen before).",
)
TRIGGERS_REJECTED: Final = MetricSpec(
    name="repaintd_triggers_rejected_total",
    kind="counter",
    labels=("reason",),
    help="Inbound webhooks that were turned away, by reason.",
)
DELIVERIES: Final = MetricSpec(
    name="repaintd_deliveries_total",
    kind="counter",
    labels=("sink", "result"),
    help="Attempts to deliver an event: ok or error. Events given up: dead (no retry left, kept "
    "for replay) or lost (too old to be kept).",
)
OUTBOX_PENDING: Final = MetricSpec(
    name="repaintd_outbox_pending",
    kind="gauge",
    labels=("sink",),
    help="Events that are still to be delivered, or looked at whether they are wanted.",
)
DEAD_LETTERS: Final = MetricSpec(
    name="repaintd_dead_letters",
    kind="gauge",
    labels=("sink",),
    help="Events that were given up and can be replayed.",
)
SINK_ACTIVE: Final = MetricSpec(
    name="repaintd_sink_active",
    kind="gauge",
    labels=("sink",),
    help="1, or 0 when the sink was given up and waits to be resumed.",
)
SINK_LAST_SUCCESS: Final = MetricSpec(
    name="repaintd_sink_last_success_timestamp_seconds",
    kind="gauge",
    labels=("sink",),
    help="When an event was delivered last; absent before the first since the start.",
)
EVENT_STREAMS: Final = MetricSpec(
    name="repaintd_event_streams",
    kind="gauge",
    help="Clients that follow the events just now.",
)
EVENT_STREAMS_DROPPED: Final = MetricSpec(
    name="repaintd_event_streams_dropped_total",
    kind="counter",
    help="Clients that were dropped because they did not read what they had asked for.",
)
LAST_SUCCESS: Final = MetricSpec(
    name="repaintd_binding_last_success_timestamp_seconds",
    kind="gauge",
    labels=("binding",),
    help="When the latest refresh succeeded, changed or not; absent before the first.",
)
LAST_ATTEMPT: Final = MetricSpec(
    name="repaintd_binding_last_attempt_timestamp_seconds",
    kind="gauge",
    labels=("binding",),
    help="When the latest refresh started; absent before the first.",
)
CONSECUTIVE_FAILURES: Final = MetricSpec(
    name="repaintd_binding_consecutive_failures",
    kind="gauge",
    labels=("binding",),
    help="Failed refreshes in a row.",
)
STALE: Final = MetricSpec(
    name="repaintd_binding_stale",
    kind="gauge",
    labels=("binding",),
    help="1 while the data is older than freshness.maxStale, else 0; absent without that bound.",
)
MAX_STALE: Final = MetricSpec(
    name="repaintd_binding_max_stale_seconds",
    kind="gauge",
    labels=("binding",),
    help="freshness.maxStale, for bindings that have it.",
)
DATA_TIMESTAMP: Final = MetricSpec(
    name="repaintd_binding_data_timestamp_seconds",
    kind="gauge",
    labels=("binding",),
    help="When the data was known to be current, for bindings with `freshness`; before the first "
    "data, when the binding was first seen.",
)
SLO_AGE: Final = MetricSpec(
    name="repaintd_binding_slo_age_seconds",
    kind="gauge",
    labels=("binding",),
    help="The age in freshness.slo: data younger than that meets it.",
)
SLO_RATIO: Final = MetricSpec(
    name="repaintd_binding_slo_ratio",
    kind="gauge",
    labels=("binding",),
    help="The share of the time in freshness.slo, from 0 to 1.",
)
REFRESH_LAG: Final = MetricSpec(
    name="repaintd_refresh_lag_seconds",
    kind="histogram",
    help="From the moment a refresh was due to its start.",
)
CHECK_OK: Final = MetricSpec(
    name="repaintd_check_ok",
    kind="gauge",
    labels=("check",),
    help="1 when the database or the renderer worked when it was tried last, else 0.",
)
RELOAD_SUCCESSFUL: Final = MetricSpec(
    name="repaintd_config_last_reload_successful",
    kind="gauge",
    help="1 when the latest attempt to load the configuration succeeded, else 0.",
)
RELOAD_TIMESTAMP: Final = MetricSpec(
    name="repaintd_config_last_reload_success_timestamp_seconds",
    kind="gauge",
    help="When the active configuration was loaded.",
)
LOOP_LAG: Final = MetricSpec(
    name="repaintd_event_loop_lag_seconds",
    kind="histogram",
    help="How late the event loop woke a timer, sampled four times a second.",
)

METRICS: Final = (
    BUILD_INFO,
    BINDINGS,
    FETCHES,
    FETCH_DURATION,
    RENDERS,
    RENDER_DURATION,
    FAILURES,
    WORK_SKIPPED,
    PUBLISHES,
    EVENTS,
    TRIGGERS,
    TRIGGERS_REJECTED,
    DELIVERIES,
    OUTBOX_PENDING,
    DEAD_LETTERS,
    SINK_ACTIVE,
    SINK_LAST_SUCCESS,
    EVENT_STREAMS,
    EVENT_STREAMS_DROPPED,
    LAST_SUCCESS,
    LAST_ATTEMPT,
    CONSECUTIVE_FAILURES,
    STALE,
    MAX_STALE,
    DATA_TIMESTAMP,
    SLO_AGE,
    SLO_RATIO,
    REFRESH_LAG,
    CHECK_OK,
    RELOAD_SUCCESSFUL,
    RELOAD_TIMESTAMP,
    LOOP_LAG,
)
