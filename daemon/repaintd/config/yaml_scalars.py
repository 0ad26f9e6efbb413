"""Plain scalars by the core schema of YAML 1.2 (section 10.3.2), kept to what JSON can hold."""

from __future__ import annotations

import math
import re
from typing import Final

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
_MAYBE_NUMBER: Final = frozenset("0123456789+-.")
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_PREFIXED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_DIGITS_MAX: Final = 20
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1

Scalar = str | int | float | bool | None


class ScalarRefused(ValueError):
    """A scalar that YAML allows and repaintd does not; the message says what to write."""


def plain(text: str) -> Scalar:
    """The value of an unquoted scalar: `NO` is text, `010` is ten, `2024-02-30` is text.

    Raises:
        ScalarRefused: a number that is not finite or needs more than 64 bits.
    """
    if text and text[0] in _MAYBE_NUMBER:
        return _number(text)
    if text in _NULLS:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    return text


def _number(text: str) -> Scalar:
    if _INTEGER.fullmatch(text):
        return _decimal(text)
    if _PREFIXED.fullmatch(text):
        return _bounded(int(text, 0))
    if _NOT_FINITE.fullmatch(text):
        raise ScalarRefused("must be a finite number; quote it if it is meant as text")
    if _FLOAT.fullmatch(text):
        return _float(text)
    return text


def _decimal(text: str) -> int:
    # Counted before conversion: int() refuses thousands of digits with a ValueError of its own.
    digits = text.lstrip("+-").lstrip("0") or "0"
    value = int(digits) if len(digits) <= _DIGITS_MAX else _LARGEST + 1
    return _bounded(-value if text[0] == "-" else value)


def _bounded(value: int) -> int:
    if not _SMALLEST <= value <= _LARGEST:
        raise ScalarRefused("is a number of more than 64 bits; quote it if it is meant as text")
    return value


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ScalarRefused("is too large for a number; quote it if it is meant as text")
    return value
