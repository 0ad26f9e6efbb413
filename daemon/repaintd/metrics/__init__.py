"""What the daemon counts and measures, for Prometheus (DESIGN 2.7).

Counters of a binding are plain integers in a `Tally`, not objects of prometheus_client: a hundred
thousand bindings must fit, and an increment on the poll path must cost nothing. They become text
when somebody asks.
"""

from __future__ import annotations

from repaintd.metrics.loop_lag import watch_loop
from repaintd.metrics.metrics import Metrics
from repaintd.metrics.table import METRICS, MetricSpec

__all__ = ["METRICS", "MetricSpec", "Metrics", "watch_loop"]
