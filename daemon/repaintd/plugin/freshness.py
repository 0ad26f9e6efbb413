"""For sources that ask over HTTP: what response headers say about freshness.

Its own module, so that a plugin without HTTP need not load it.
"""

from __future__ import annotations

from repaintd.core.freshness import (
    hints_of,
    max_age,
    refreshed,
    retry_after,
    same_entity,
    validators_of,
)

__all__ = ["hints_of", "max_age", "refreshed", "retry_after", "same_entity", "validators_of"]
