"""Durations as people write them: `15`, `30s`, `5m`, `1h30m`, `1d`."""

from __future__ import annotations

import re
from typing import Any, Final

_DURATION: Final = re.compile(
    r"(?:(?P<d>[0-9]+)d)?(?:(?P<h>[0-9]+)h)?(?:(?P<m>[0-9]+)m)?(?:(?P<s>[0-9]+(?:\.[0-9]+)?)s)?"
)
_SECONDS_OF: Final = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
_LONGEST: Final = 40
"""Characters; a duration that needs more is none."""
_MOST: Final = 10**12
"""Seconds; more than that is cut, for floats end somewhere."""


def parse_duration(value: Any) -> float:
    """Seconds.

    Raises:
        ValueError: not a duration; the message says what one looks like.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(min(value, _MOST))
    if isinstance(value, str) and 0 < len(value) <= _LONGEST:
        if value.isascii() and value.isdigit():
            return float(value)
        found = _DURATION.fullmatch(value)
        if found is not None:
            parts = {unit: text for unit, text in found.groupdict().items() if text}
            return sum(_SECONDS_OF[unit] * float(text) for unit, text in parts.items())
    raise ValueError("must be a duration: seconds, or a text such as 30s, 5m or 1h30m")
