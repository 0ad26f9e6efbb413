"""How long an image may be kept, and how old it is: the headers that say so."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs

from repaintd.core.binding import PolicyType
from repaintd.core.staleness import data_time

if TYPE_CHECKING:
    from repaintd.core.view import View

AS_OF: Final = "X-Data-As-Of"
_MOST_MADE: Final = 1024
_POLLED: Final = frozenset({PolicyType.TTL, PolicyType.ETAG})
_REVALIDATE: Final = "public, no-cache"
_RETRY_LEAST: Final = 1
_RETRY_MOST: Final = 60


class FreshnessHeaders:
    """`Cache-Control`, `Age` and `X-Data-As-Of` of images.

    They are made once a second at most for each binding: much-visited images are few.
    """

    def __init__(self) -> None:
        self._made: dict[str, tuple[View, int, dict[str, str]]] = {}

    def of(self, view: View, now: float) -> dict[str, str]:
        """What goes with an image of the binding's data; not to be changed."""
        uid, second = view.binding.uid, int(now)
        made = self._made.get(uid)
        if made is not None and made[0] is view and made[1] == second:
            return made[2]
        if len(self._made) >= _MOST_MADE:
            self._made.clear()
        headers = _headers(view, now)
        self._made[uid] = view, second, headers
        return headers


def _headers(view: View, now: float) -> dict[str, str]:
    as_of = data_time(view.binding, view.state)
    headers: dict[str, str] = {hdrs.CACHE_CONTROL: cache_control(view, now, as_of)}
    return headers if as_of is None else headers | age_headers(as_of, now)


def age_headers(as_of: float, now: float) -> dict[str, str]:
    """How old the data is that the image shows, and the moment it is of (RFC 3339, in UTC)."""
    return {hdrs.AGE: str(max(0, int(now - as_of))), AS_OF: _rfc3339(int(as_of))}


@lru_cache(maxsize=4096)
def _rfc3339(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cache_control(view: View, now: float, as_of: float | None = None) -> str:
    """Until the next refresh and no longer than the ttl (contract B.9).

    Caches take the `Age` off it, which counts from *as_of* (RFC 9111 section 4.2): what they are
    to have left is added to that.

    Where no time is known at which the image may change (webhook, manual, paused), caches keep it
    but ask each time, which costs a 304.
    """
    binding, due = view.binding, view.state.next_due_at
    if due is None or binding.paused or binding.refresh.type not in _POLLED:
        return _REVALIDATE
    left = max(0, int(due - now))
    age = 0 if as_of is None else max(0, int(now - as_of))
    return f"public, max-age={min(binding.refresh.ttl_seconds, left + age)}"


def stale_headers(view: View, modified_at: float, now: float) -> dict[str, str]:
    """What goes with the last good image after a failed refresh (contract B.7), or when it is old.

    `Age` counts from the latest refresh that confirmed the image, not from when it was drawn.
    """
    confirmed = view.state.last_success_at
    age = now - (modified_at if confirmed is None else confirmed)
    return {
        hdrs.WARNING: '110 - "Response is Stale"',
        "X-Pictify-Stale": "true",
        hdrs.AGE: str(max(0, int(age))),
    }


def retry_after(view: View, now: float) -> int:
    """Seconds after which it is worth to ask again for an image that is not there yet."""
    due = view.state.next_due_at
    if due is None or view.binding.paused:
        return _RETRY_MOST
    return min(_RETRY_MOST, max(_RETRY_LEAST, math.ceil(due - now)))
