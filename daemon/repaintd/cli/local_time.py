"""Times for people."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def local_times(now: datetime) -> Callable[[str], str]:
    """Times as short as they can be, in the zone of *now*: of today, the clock alone."""

    def when(stamp: str) -> str:
        at = datetime.fromisoformat(stamp).astimezone(now.tzinfo)
        if at.date() == now.date():
            return f"{at:%H:%M:%S}" if now - at < timedelta(hours=1) else f"{at:%H:%M}"
        return f"{at:%b} {at.day} {at:%H:%M}" if at.year == now.year else f"{at:%Y-%m-%d %H:%M}"

    return when
