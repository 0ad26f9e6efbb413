"""What Prometheus sees of this plugin (DESIGN 2.7)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry

REASONS = ("crashed", "driver", "frozen", "memory", "recycled", "start_failed", "stuck")


class Metrics:
    """The plugin's own metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.waiting = Gauge(
            "repaintd_render_queue_depth", "Renders that wait for a turn.", registry=registry
        )
        self._restarts = Counter(
            "repaintd_browser_restarts",
            "Browsers replaced, and browsers that did not start, by reason.",
            ["reason"],
            registry=registry,
        )
        for reason in REASONS:  # a series that is there from the start can be alerted on
            self._restarts.labels(reason)

    def restarted(self, reason: str) -> None:
        """Count one replacement or failed start."""
        self._restarts.labels(reason).inc()


@contextmanager
def registered(registry: CollectorRegistry) -> Iterator[Metrics]:
    """The metrics, for as long as the plugin is open."""
    metrics = Metrics(registry)
    try:
        yield metrics
    finally:
        registry.unregister(metrics.waiting)
        registry.unregister(metrics._restarts)  # noqa: SLF001 - of the class above
