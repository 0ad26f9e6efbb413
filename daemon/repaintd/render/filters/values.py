"""What filters take: numbers and texts, from the JSON of strangers."""

from __future__ import annotations

import math
import re
from typing import Any, Final

_NUMBER: Final = re.compile(r"[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,4})?")
_SHOWN: Final = 40


def is_nothing(value: Any) -> bool:
    """Null, undefined, "" and blanks."""
    return value is None or (isinstance(value, str) and not value.strip())


def to_number(value: Any) -> int | float:
    """A number, or a text that is one.

    Raises:
        ValueError: anything else, said in words.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        text = value.strip()
        value = int(text) if text.lstrip("+-").isdecimal() else float(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"needs a number, got {shown(value)}")
    return value


def to_text(value: Any) -> str:
    """A text, or a number as text.

    Raises:
        TypeError: anything else, said in words.
    """
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError(f"needs a text, got {shown(value)}")
    return str(value)


def to_count(value: Any, name: str, low: int, high: int) -> int:
    """A whole number between *low* and *high*, for the argument called *name*."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} is a whole number from {low} to {high}, got {shown(value)}")
    return value


def shown(value: Any) -> str:
    """A value for a message: its kind, and a little of it."""
    if isinstance(value, str):
        return f'"{value[:_SHOWN]}…"' if len(value) > _SHOWN else f'"{value}"'
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:_SHOWN] if isinstance(value, int | float) else type(value).__name__
