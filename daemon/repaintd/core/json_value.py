"""Turns the data of strangers into JSON values that no later step can stumble over."""

from __future__ import annotations

import math
import re
from typing import Any, Final

import orjson

MAX_DEPTH: Final = 200

_BROKEN: Final = re.compile("[\ud800-\udfff\x00]")
_REPLACEMENT: Final = "\ufffd"
_SMALLEST, _BIGGEST = -(2**63), 2**64 - 1  # what orjson and SQLite's readers agree on


class NotJson(ValueError):
    """A value that has no JSON form; the message says why."""


def settle(value: Any) -> tuple[Any, int]:
    """A copy of *value* made of JSON values only, and about its length as JSON in bytes.

    NUL and lone surrogates become U+FFFD, numbers that are not finite become null, integers beyond
    64 bits become floating point (as JSON readers do), keys become text.

    Raises:
        NotJson: a value of another type, or one nested more than MAX_DEPTH deep.
    """
    if type(value) is str and value.isascii() and "\0" not in value:  # nearly always
        return value, len(value) + 2
    try:
        raw = orjson.dumps(value)
    except TypeError:
        raw = orjson.dumps(_mend(value, 0))
    if b"\\u0000" in raw:
        raw = orjson.dumps(_mend(orjson.loads(raw), 0))
    return orjson.loads(raw), len(raw)


def _mend(value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise NotJson(f"it is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, str):
        return _BROKEN.sub(_REPLACEMENT, value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if _SMALLEST <= value <= _BIGGEST else _approximate(value)
    if isinstance(value, list | tuple):
        return [_mend(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_BROKEN.sub(_REPLACEMENT, str(k)): _mend(v, depth + 1) for k, v in value.items()}
    raise NotJson(f"it holds a {type(value).__name__}, which is no JSON value")


def _approximate(value: int) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def is_missing(value: Any) -> bool:
    """Whether a value counts as none: null, or a number that is not finite."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))
