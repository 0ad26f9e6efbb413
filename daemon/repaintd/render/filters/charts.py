"""Filters that draw."""

from __future__ import annotations

from typing import Any, Final

from repaintd.render.filters.values import is_nothing, shown, to_number

_MAX_VALUES: Final = 10_000


def sparkline(
    values: Any,
    width: Any = 100,
    height: Any = 30,
    pad: Any = 0,
    area: Any = False,
) -> str:
    """The `points` of an SVG polyline through the values, left to right, the highest on top.

    Args:
        values: numbers; nothings among them are left out.
        width: of the box.
        height: of the box.
        pad: kept free on all sides, for the width of the stroke.
        area: close the line along the bottom, for a polygon.
    """
    if is_nothing(values):
        return ""
    if not isinstance(values, list | tuple) or len(values) > _MAX_VALUES:
        raise ValueError(f"needs a list of at most {_MAX_VALUES:,} numbers, got {shown(values)}")
    found = [to_number(value) for value in values if not is_nothing(value)]
    if not found:
        return ""
    width, height, pad = to_number(width), to_number(height), to_number(pad)
    points = _points(found if len(found) > 1 else found * 2, width - 2 * pad, height - 2 * pad)
    drawn = [(x + pad, y + pad) for x, y in points]
    if area:
        drawn = [(drawn[0][0], height), *drawn, (drawn[-1][0], height)]
    return " ".join(f"{_short(x)},{_short(y)}" for x, y in drawn)


def _points(values: list[float], width: float, height: float) -> list[tuple[float, float]]:
    low, high = min(values), max(values)
    span, last = high - low, len(values) - 1
    return [
        (width * at / last, height * (high - value) / span if span else height / 2)
        for at, value in enumerate(values)
    ]


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
