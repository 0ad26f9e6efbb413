"""Durations and sizes as people write them: `300`, `30s`, `1h30m`, `PT5M`; `5MiB`, `500kB`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

_DURATION: Final = re.compile(
    r"(?:(?P<d>[0-9]+)d)?(?:(?P<h>[0-9]+)h)?(?:(?P<m>[0-9]+)m)?(?:(?P<s>[0-9]+(?:\.[0-9]+)?)s)?(?:(?P<ms>[0-9]+)ms)?"
)
_ISO_DURATION: Final = re.compile(
    r"P(?:(?P<d>[0-9]+)D)?(?:T(?:(?P<h>[0-9]+)H)?(?:(?P<m>[0-9]+)M)?(?:(?P<s>[0-9]+(?:\.[0-9]+)?)S)?)?(?P<ms>)"
)
_SECONDS_OF: Final = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_SIZE: Final = re.compile(r"(?P<count>[0-9]+(?:\.[0-9]+)?) ?(?P<unit>[A-Za-z]*)")
_BYTES_OF: Final = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
}
_LONGEST: Final = 40
"""Characters; a quantity that needs more is none."""
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
        found = _DURATION.fullmatch(value) or _ISO_DURATION.fullmatch(value)
        parts = {unit: text for unit, text in found.groupdict().items() if text} if found else {}
        if parts:
            return sum(_SECONDS_OF[unit] * float(text) for unit, text in parts.items())
    raise ValueError("must be a duration: seconds, or a text such as 30s, 5m, 1h30m or PT5M")


def parse_size(value: Any) -> int:
    """Bytes.

    Raises:
        ValueError: not a size; the message says what one looks like.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= _LONGEST:
        found = _SIZE.fullmatch(value)
        if found and found["unit"].lower() in _BYTES_OF:
            return int(float(found["count"]) * _BYTES_OF[found["unit"].lower()])
    raise ValueError("must be a size: bytes, or a text such as 500kB or 5MiB")


Whole = Annotated[int, Field(strict=True)]
"""A whole number; neither a text nor a truth value passes for one."""

Flag = Annotated[bool, Field(strict=True)]
"""true or false; `NO` is a text in YAML 1.2 and passes for neither."""

Seconds = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]}),
]
"""A duration, as seconds."""

Bytes = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}]}),
]
"""A size, as bytes."""
