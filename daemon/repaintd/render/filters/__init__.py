"""The filters of templates, beside those that minijinja brings.

All of them: nothing and "" give "", a value of the wrong type is an error that names the filter.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from repaintd.render.filters import charts, moments, numbers, safe, words

if TYPE_CHECKING:
    from collections.abc import Callable


class FilterFailed(Exception):
    """A filter refused its input.

    Attributes:
        filter: its name.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.filter = name


def build_filters(now: Callable[[], float]) -> dict[str, Callable[..., Any]]:
    """Every filter by name.

    Args:
        now: seconds since the epoch, for those that tell time from now.
    """
    filters: dict[str, Callable[..., Any]] = {
        "bytes": numbers.byte_size,
        "compact": numbers.compact,
        "css": safe.css,
        "currency": numbers.currency,
        "date": moments.date,
        "datetime": moments.date_and_time,
        "duration": numbers.duration,
        "initials": words.initials,
        "json": safe.json,
        "number": numbers.number,
        "percent": numbers.percent,
        "sparkline": charts.sparkline,
        "time": moments.time,
        "timeago": moments.ago_from(now),
        "truncate": words.truncate,
        "url": safe.url,
    }
    return {name: _named(name, function) for name, function in filters.items()}


def _named(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            message = str(error).replace(f"{function.__name__}()", name)
            raise FilterFailed(name, message) from error

    return call
