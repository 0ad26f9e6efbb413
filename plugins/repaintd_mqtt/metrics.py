"""What Prometheus sees of this plugin."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry


class Metrics:
    """The plugin's own metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connected = Gauge(
            "repaintd_mqtt_connected", "1 while the MQTT broker has us.", registry=registry
        )
        self.reconnects = Counter(
            "repaintd_mqtt_reconnects",
            "Connections to the MQTT broker after the first one.",
            registry=registry,
        )


@contextmanager
def registered(registry: CollectorRegistry) -> Iterator[Metrics]:
    """The metrics, for as long as the plugin is open."""
    metrics = Metrics(registry)
    try:
        yield metrics
    finally:
        registry.unregister(metrics.connected)
        registry.unregister(metrics.reconnects)
