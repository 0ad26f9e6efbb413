"""Filters that write dates and times.

A moment is: seconds since the epoch (or milliseconds, from 10¹¹ on), an ISO 8601 text, or the date
of an HTTP or mail header. Without a zone it is UTC; a date without a time belongs to no zone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from repaintd.render.filters.values import is_nothing, shown, to_number

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

_MILLISECONDS_FROM: Final = 1e11
_MAX_FORMAT: Final = 200
_DATE_ONLY: Final = re.compile(r"\d{4}-?\d{2}-?\d{2}")
_MAIL: Final = ("%a, %d %b %Y %H:%M:%S %z", "%d %b %Y %H:%M:%S %z")
_NAMED: Final = {
    "short": "MMM D, YYYY",
    "medium": "MMM D, YYYY",
    "long": "MMMM D, YYYY",
    "full": "dddd, MMMM D, YYYY",
    "iso": "YYYY-MM-DD",
}
_TOKEN: Final = re.compile(
    r"\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|DD|D|dddd|ddd|HH|H|hh|h|mm|m|ss|s|SSS|A|a|ZZ|Z|z"
)
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_AGO: Final = (
    (31_557_600, "year"),
    (2_629_800, "month"),
    (86_400, "day"),
    (3600, "hour"),
    (60, "minute"),
)
_JUST_NOW: Final = 45


def date(value: Any, format: str = "medium", zone: str = "UTC") -> str:  # noqa: A002 - how templates write it
    """Apr 5, 2026; `format` is short, long, full, iso, `YYYY-MM-DD` or `%Y-%m-%d`."""
    return _write(value, format, zone)


def time(value: Any, format: str = "HH:mm", zone: str = "UTC") -> str:  # noqa: A002 - as above
    """17:04."""
    return _write(value, format, zone)


def date_and_time(value: Any, format: str = "YYYY-MM-DD HH:mm", zone: str = "UTC") -> str:  # noqa: A002 - as above
    """2026-04-05 17:04."""
    return _write(value, format, zone)


def ago_from(now: Callable[[], float]) -> Callable[[Any], str]:
    """The filter `timeago`: how far a moment is from *now*, as in "3 hours ago"."""

    def timeago(value: Any) -> str:
        if is_nothing(value):
            return ""
        seconds = now() - moment(value, UTC).timestamp()
        if abs(seconds) < _JUST_NOW:
            return "just now"
        words = _about(abs(seconds))
        return f"{words} ago" if seconds > 0 else f"in {words}"

    return timeago


def moment(value: Any, zone: tzinfo) -> datetime:
    """The moment that a value means, in *zone*.

    Raises:
        ValueError: it means none.
    """
    if isinstance(value, str) and not value.strip().lstrip("+-").replace(".", "", 1).isdecimal():
        return _read(value.strip(), zone)
    seconds = to_number(value)
    if abs(seconds) >= _MILLISECONDS_FROM:
        seconds /= 1000
    try:
        return datetime.fromtimestamp(seconds, zone)
    except (OverflowError, OSError, ValueError) as error:
        raise ValueError(f"{shown(value)} is no time since the epoch") from error


def _read(text: str, zone: tzinfo) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = _read_mail(text)
    if found.tzinfo is not None:
        return found.astimezone(zone)
    if _DATE_ONLY.fullmatch(text):
        return found.replace(tzinfo=zone)
    return found.replace(tzinfo=UTC).astimezone(zone)


def _read_mail(text: str) -> datetime:
    for form in _MAIL:
        try:
            return datetime.strptime(text.replace("GMT", "+0000"), form)  # noqa: DTZ007 - %z is in it
        except ValueError:
            continue
    raise ValueError(f"needs a date, got {shown(text)}")


def _write(value: Any, form: Any, zone: Any) -> str:
    if is_nothing(value):
        return ""
    if not isinstance(form, str) or len(form) > _MAX_FORMAT:
        raise ValueError(f"a date format is a text of at most {_MAX_FORMAT} characters")
    when = moment(value, _zone(zone))
    if "%" in form:
        return when.strftime(form)
    return _TOKEN.sub(lambda match: _part(match, when), _NAMED.get(form, form))


def _zone(name: Any) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"unknown time zone {shown(name)}; write it like Europe/Berlin") from error


def _part(match: re.Match[str], when: datetime) -> str:
    if match.group(1) is not None:
        return match.group(1)
    hour = when.hour % 12 or 12
    month, day = _MONTHS[when.month - 1], _DAYS[when.weekday()]
    offset = when.strftime("%z")
    return {
        "YYYY": f"{when.year:04}", "YY": f"{when.year % 100:02}",
        "MMMM": month, "MMM": month[:3], "MM": f"{when.month:02}", "M": str(when.month),
        "DD": f"{when.day:02}", "D": str(when.day), "dddd": day, "ddd": day[:3],
        "HH": f"{when.hour:02}", "H": str(when.hour), "hh": f"{hour:02}", "h": str(hour),
        "mm": f"{when.minute:02}", "m": str(when.minute),
        "ss": f"{when.second:02}", "s": str(when.second), "SSS": f"{when.microsecond // 1000:03}",
        "A": "PM" if when.hour >= 12 else "AM", "a": "pm" if when.hour >= 12 else "am",  # noqa: PLR2004 - noon
        "ZZ": offset, "Z": f"{offset[:3]}:{offset[3:5]}", "z": when.tzname() or "",
    }[match.group()]  # fmt: skip


def _about(seconds: float) -> str:
    for span, unit in _AGO:
        count = int(seconds / span + 1e-9)
        if count or unit == "minute":
            count = max(1, count)
            return f"{count} {unit}" + ("s" if count > 1 else "")
    raise AssertionError("the last unit always answers")
