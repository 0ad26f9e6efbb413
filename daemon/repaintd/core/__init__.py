"""The pure heart: models, ports, mapping, freshness, schedule, fingerprints, the pipeline.

Nothing here does input or output, and nothing reads a clock: time is an argument.
"""

from __future__ import annotations
