"""What response headers say about freshness, as pure functions (RFC 9110 section 8.8, RFC 9111).

Strangers write these headers: what does not parse is ignored, what does is clamped. A hint can
only make the daemon ask later than its policy says, never sooner, so "no wish" is None.
"""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from repaintd.core.fetch import NO_HINTS, Hints, Validators

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST_RETRY_AFTER: Final = 3600.0
LONGEST_MAX_AGE: Final = 86_400.0

# RFC 9110 section 8.8.3, without obs-text: what is not ASCII would not survive being sent back.
_ENTITY_TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')
_LONGEST_ENTITY_TAG: Final = 1024
_LONGEST_DATE: Final = 64
# More digits than any clamp here lets through, and few enough to convert at no cost.
_MOST_DIGITS: Final = 12


def validators_of(headers: Mapping[str, str]) -> Validators:
    """What to store from a 200: both validators, byte for byte, each only if it is well formed."""
    return Validators(etag=entity_tag(headers), last_modified=last_modified(headers))


def refreshed(sent: Validators, headers: Mapping[str, str]) -> Validators:
    """What to keep after a 304: what was sent, brought up to date (RFC 9111 section 4.3.4).

    A validator that the 304 leaves out or spells wrongly stays as it was.
    """
    etag, date = headers.get("ETag"), headers.get("Last-Modified")
    if (etag is None or etag == sent.etag) and (date is None or date == sent.last_modified):
        return sent
    return Validators(
        etag=entity_tag(headers) or sent.etag,
        last_modified=last_modified(headers) or sent.last_modified,
    )


def entity_tag(headers: Mapping[str, str]) -> str | None:
    """The ETag if it is one that can be sent back as it is, else None (RFC 9110 8.8.3)."""
    text = headers.get("ETag")
    if text is None or len(text) > _LONGEST_ENTITY_TAG or not _ENTITY_TAG.fullmatch(text):
        return None
    return text


def last_modified(headers: Mapping[str, str]) -> str | None:
    """The Last-Modified header if it holds a date, byte for byte, else None."""
    text = headers.get("Last-Modified")
    return text if text is not None and http_date(text) is not None else None


def same_entity(one: str | None, other: str | None) -> bool:
    """Weak comparison of two entity tags (RFC 9110 section 8.8.3.2): `W/"x"` matches `"x"`."""
    if one is None or other is None:
        return False
    return one.removeprefix("W/") == other.removeprefix("W/")


def http_date(text: str) -> float | None:
    """An HTTP-date as seconds since the epoch, None if it is none (RFC 9110 section 5.6.7)."""
    if len(text) > _LONGEST_DATE or not text.isascii():
        return None
    try:
        at = parsedate_to_datetime(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def hints_of(headers: Mapping[str, str], now: float) -> Hints:
    """Both hints; *now* in seconds since the epoch."""
    wait, age = retry_after(headers, now), max_age(headers)
    return NO_HINTS if wait is None and age is None else Hints(retry_after=wait, max_age=age)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by Retry-After (RFC 9110 section 10.2.3), at most an hour.

    None when there is none, when it is neither whole seconds nor a date, or when it is over.
    """
    text = headers.get("Retry-After")
    if text is None:
        return None
    seconds: float | None = _seconds(text.strip())
    if seconds is None:
        at = http_date(text)
        seconds = None if at is None else at - now
    return min(seconds, LONGEST_RETRY_AFTER) if seconds is not None and seconds > 0 else None


def max_age(headers: Mapping[str, str]) -> float | None:
    """Seconds that the answer stays fresh by Cache-Control, less its Age, at most a day.

    None when there is no `max-age`, when it is malformed or over, and when `no-store` or
    `no-cache` forbids to rely on it. Of several `max-age` the shortest counts, and none if any is
    malformed (RFC 9111 section 4.2.1 lets a cache take them for stale).
    """
    text = headers.get("Cache-Control")
    if text is None:
        return None
    ages: list[int] = []
    for name, value in _directives(text):
        if name in ("no-store", "no-cache"):
            return None
        if name == "max-age":
            age = _seconds(value)
            if age is None:
                return None
            ages.append(age)
    left = min(ages) - (_seconds(headers.get("Age", "").strip()) or 0) if ages else 0
    return min(float(left), LONGEST_MAX_AGE) if left > 0 else None


def _directives(text: str) -> Iterator[tuple[str, str]]:
    """The directives of Cache-Control in lower case.

    Quotes are dropped rather than parsed: a quoted list can then only shorten the hint.
    """
    for directive in text.replace('"', "").lower().split(","):
        name, _, value = directive.partition("=")
        yield name.strip(), value.strip()


def _seconds(text: str) -> int | None:
    """Delta-seconds: ASCII digits only (RFC 9111 section 1.2.2); None for anything else."""
    if not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0") or "0"
    return int(digits) if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS
