"""The series of the receivers of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge

from repaintd.metrics import table

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from repaintd.metrics.table import MetricSpec

RESULTS: Final = ("ok", "error", "dead", "lost")


class SinkSeries:
    """The series of all sinks; each has its own from its first sign of life until forgotten."""

    def __init__(self, registry: CollectorRegistry) -> None:
        spec = table.DELIVERIES
        self._deliveries = Counter(spec.name, spec.help, spec.labels, registry=registry)
        self._pending = _gauge(registry, table.OUTBOX_PENDING)
        self._dead = _gauge(registry, table.DEAD_LETTERS)
        self._active = _gauge(registry, table.SINK_ACTIVE)
        self._last_success = _gauge(registry, table.SINK_LAST_SUCCESS)
        self._series: dict[str, _Series] = {}

    def of(self, sink: str) -> _Series:
        """The series of one sink, made on first use; counters begin at nought."""
        found = self._series.get(sink)
        if found is None:
            found = self._series[sink] = _Series(
                deliveries={each: self._deliveries.labels(sink, each) for each in RESULTS},
                pending=self._pending.labels(sink),
                dead=self._dead.labels(sink),
                active=self._active.labels(sink),
            )
            found.active.set(1)
        return found

    def succeeded(self, sink: str, at: float) -> None:
        """An event was delivered; *at* in seconds since the epoch."""
        series = self.of(sink)
        if series.last_success is None:
            series.last_success = self._last_success.labels(sink)
        series.last_success.set(at)

    def forget(self, sink: str) -> None:
        """Remove the series of a sink that is gone."""
        series = self._series.pop(sink, None)
        if series is None:
            return
        for result in RESULTS:
            self._deliveries.remove(sink, result)
        for gauge in (self._pending, self._dead, self._active):
            gauge.remove(sink)
        if series.last_success is not None:
            self._last_success.remove(sink)


class _Series:
    __slots__ = ("active", "dead", "deliveries", "last_success", "pending")

    def __init__(
        self, *, deliveries: dict[str, Counter], pending: Gauge, dead: Gauge, active: Gauge
    ) -> None:
        self.deliveries = deliveries
        self.pending = pending
        self.dead = dead
        self.active = active
        self.last_success: Gauge | None = None


def _gauge(registry: CollectorRegistry, spec: MetricSpec) -> Gauge:
    return Gauge(spec.name, spec.help, spec.labels, registry=registry)
