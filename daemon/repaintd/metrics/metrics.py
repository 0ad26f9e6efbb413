"""All that the daemon counts and measures, in one object."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter as PrometheusCounter
from prometheus_client import Gauge, Histogram, Info, ProcessCollector

from repaintd.core import event
from repaintd.metrics import table
from repaintd.metrics.exposition import encode
from repaintd.metrics.series import Snapshot
from repaintd.metrics.sinks import SinkSeries
from repaintd.metrics.tallies import Tallies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from prometheus_client import CollectorRegistry

    from repaintd.core.pipeline import Outcome
    from repaintd.core.view import Tally, View
    from repaintd.metrics.exposition import Variant
    from repaintd.metrics.table import MetricSpec

_REASONS_MOST: Final = 32
_FETCH_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_RENDER_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)
_LAG_BUCKETS: Final = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300)
_LOOP_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)


class Metrics:
    """Counters and measurements since the daemon started.

    Of the event loop's thread; only what `exposition` returns may be called in another.

    Args:
        registry: where the series that belong to no binding are registered, beside the plugins'.
        version: of the daemon.

    Attributes:
        observe_fetch: takes the seconds of one question to a source.
        observe_refresh_lag: takes the seconds from due to started.
        observe_loop_lag: takes the seconds that the event loop was late.
    """

    def __init__(self, registry: CollectorRegistry, *, version: str) -> None:
        self._registry = registry
        self._tallies = Tallies()
        self._failures: dict[str, Counter[tuple[str, str]]] = {}
        self._events = dict.fromkeys(event.NAMES, 0)
        self._renders: dict[tuple[str, str], Histogram] = {}
        self._render_duration = self._histogram(table.RENDER_DURATION, _RENDER_BUCKETS)
        self.observe_fetch = self._histogram(table.FETCH_DURATION, _FETCH_BUCKETS).observe
        self.observe_refresh_lag = self._histogram(table.REFRESH_LAG, _LAG_BUCKETS).observe
        self.observe_loop_lag = self._histogram(table.LOOP_LAG, _LOOP_BUCKETS).observe
        self._sinks = SinkSeries(registry)
        self._rejected = self._counter(table.TRIGGERS_REJECTED)
        self._reasons: set[str] = set()
        self._streams = self._gauge(table.EVENT_STREAMS)
        self._streams_dropped = self._counter(table.EVENT_STREAMS_DROPPED)
        self._check_ok = self._gauge(table.CHECK_OK)
        self._reload_successful = self._gauge(table.RELOAD_SUCCESSFUL)
        self._reload_timestamp = self._gauge(table.RELOAD_TIMESTAMP)
        name = table.BUILD_INFO.name.removesuffix("_info")
        Info(name, table.BUILD_INFO.help, registry=registry).info({"version": version})
        ProcessCollector(registry=registry)

    def tally(self, uid: str) -> Tally:
        """The binding's counters, to be incremented in place; made on first use."""
        return self._tallies.of(uid)

    def forget(self, uid: str) -> None:
        """Drop the series of a binding that is gone."""
        self._tallies.forget(uid)
        self._failures.pop(uid, None)

    def tallies(self) -> Mapping[str, Tally]:
        """The counters by uid: a copy of the table that another thread may read."""
        return self._tallies.living()

    def retired(self) -> Tally:
        """What the bindings did that are gone, so that totals never fall."""
        return self._tallies.gone()

    def events(self) -> Mapping[str, int]:
        """How many events of each name were recorded."""
        return dict(self._events)

    def count_event(self, name: str) -> None:
        """Count one recorded event; names are those of `repaintd.core.event`."""
        self._events[name] = self._events.get(name, 0) + 1

    def count_outcome(self, uid: str, outcome: Outcome) -> None:
        """Count what a refresh that did not fail has done, and what it saved."""
        self._tallies.count(uid, outcome)

    def count_failure(self, uid: str, stage: str, reason: str) -> None:
        """Count one failed refresh. A plugin that invents reasons without end gets `other`."""
        counts = self._failures.setdefault(uid, Counter())
        if len(counts) >= _REASONS_MOST and (stage, reason) not in counts:
            reason = "other"
        counts[stage, reason] += 1

    def observe_render(self, renderer: str, image_format: str, seconds: float) -> None:
        """Time of one drawing, without the waiting for a turn."""
        key = (renderer, image_format)
        child = self._renders.get(key)
        if child is None:
            child = self._renders[key] = self._render_duration.labels(*key)
        child.observe(seconds)

    def config_reloaded(self, *, successful: bool, at: float) -> None:
        """The configuration was loaded, or could not be; *at* in seconds since the epoch."""
        self._reload_successful.set(int(successful))
        if successful:
            self._reload_timestamp.set(at)

    def set_check(self, name: str, *, ok: bool) -> None:
        """What was tried just now, and whether it worked."""
        self._check_ok.labels(name).set(int(ok))

    def count_rejected(self, reason: str) -> None:
        """Count one inbound webhook that was turned away, for a reason from a bounded set."""
        if reason not in self._reasons and len(self._reasons) >= _REASONS_MOST:
            reason = "other"
        self._reasons.add(reason)
        self._rejected.labels(reason).inc()

    def stream_opened(self) -> None:
        """A client began to follow the events."""
        self._streams.inc()

    def stream_closed(self, dropped: bool) -> None:
        """A client follows no more; *dropped* when it was us who ended it, as it did not read."""
        self._streams.dec()
        if dropped:
            self._streams_dropped.inc()

    def count_delivery(self, sink: str, result: str, count: int = 1) -> None:
        """Count attempts (`ok`, `error`), or events that were given up (`dead`, `lost`)."""
        self._sinks.of(sink).deliveries[result].inc(count)

    def set_pending(self, sink: str, count: int) -> None:
        """How many events are still to be delivered to the sink."""
        self._sinks.of(sink).pending.set(count)

    def set_dead(self, sink: str, count: int) -> None:
        """How many dead letters of the sink are kept."""
        self._sinks.of(sink).dead.set(count)

    def set_sink_active(self, sink: str, active: bool) -> None:
        """Whether the sink was not given up."""
        self._sinks.of(sink).active.set(int(active))

    def sink_succeeded(self, sink: str, at: float) -> None:
        """An event was delivered; *at* in seconds since the epoch."""
        self._sinks.succeeded(sink, at)

    def forget_sink(self, sink: str) -> None:
        """Drop the series of a sink that is gone."""
        self._sinks.forget(sink)

    def exposition(self, views: Iterable[View], variant: Variant) -> Callable[[], bytes]:
        """All series at this instant; what is returned writes them down, in a thread.

        Args:
            views: every binding, ordered by uid.
            variant: see `repaintd.metrics.exposition.negotiate`.
        """
        snapshot = Snapshot(
            views=tuple(views),
            tallies=self.tallies(),
            failures={uid: dict(counts) for uid, counts in self._failures.items()},
            events=self.events(),
        )
        return partial(encode, self._registry, snapshot, variant)

    def _histogram(self, spec: MetricSpec, buckets: Sequence[float]) -> Histogram:
        return Histogram(
            spec.name, spec.help, spec.labels, registry=self._registry, buckets=buckets
        )

    def _counter(self, spec: MetricSpec) -> PrometheusCounter:
        return PrometheusCounter(spec.name, spec.help, spec.labels, registry=self._registry)

    def _gauge(self, spec: MetricSpec) -> Gauge:
        return Gauge(spec.name, spec.help, spec.labels, registry=self._registry)
