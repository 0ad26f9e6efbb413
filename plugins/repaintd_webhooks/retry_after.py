"""How long a receiver asks to be left alone (RFC 9110 section 10.2.3)."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST: Final = 86_400.0
_MOST_CHARACTERS: Final = 64


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds, from 0 to a day; None when there is no such wish, or it is malformed.

    Args:
        headers: of the answer, looked up without regard to case.
        now: seconds since the epoch.
    """
    text = headers.get("Retry-After", "").strip()
    if not (text.isascii() and len(text) <= _MOST_CHARACTERS):
        return None
    seconds = float(text) if text.isdigit() else _until(text, now)
    return None if seconds is None else min(max(seconds, 0.0), LONGEST)


def _until(text: str, now: float) -> float | None:
    try:
        at = parsedate_to_datetime(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, OverflowError):
        return None
