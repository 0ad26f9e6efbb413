"""When a binding runs next. Pure: the present, the past and the dice are arguments."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from repaintd.core.binding import PolicyType
from repaintd.core.fetch import NO_HINTS

if TYPE_CHECKING:
    from repaintd.core.binding import Binding
    from repaintd.core.fetch import Hints

POLLING: Final = frozenset({PolicyType.TTL, PolicyType.ETAG})
UNPOLLED_SOURCES: Final = frozenset({"static", "webhook"})  # nothing to ask again (contract B.2)

RETRY_BASE: Final = 30.0
RETRY_MOST: Final = 3_600.0
RETRY_LEAST: Final = 1.0
RETRY_AFTER_MOST: Final = 3_600.0
CACHE_CONTROL_MOST: Final = 86_400.0
STARTS_PER_SECOND: Final = 50.0


@dataclass(frozen=True, slots=True)
class Due:
    """The next run and why then: seconds since the epoch, None when only a trigger makes it run."""

    at: float | None
    reason: str


NEVER: Final = Due(None, "policy")


def polls(binding: Binding) -> bool:
    """Whether time alone makes the binding run."""
    return binding.refresh.type in POLLING and binding.source.type not in UNPOLLED_SOURCES


def share(uid: str) -> float:
    """A number in [0, 1) that belongs to the uid: the same in every process, for ever."""
    eight = hashlib.blake2b(uid.encode(), digest_size=8).digest()
    return int.from_bytes(eight, "big") / 2**64


def next_on_grid(uid: str, period: float, after: float) -> float:
    """The first instant later than *after* in the uid's own rhythm of one run a *period*.

    The rhythm is fixed to the epoch and not to the start of the daemon: a restart or a reload moves
    no timer, and bindings of one period lie spread over it.
    """
    offset = share(uid) * period
    return (math.floor((after - offset) / period) + 1) * period + offset


def start_window(count: int, ttl: float) -> float:
    """Seconds over which *count* first runs are spread, so that a start is no herd."""
    return min(float(ttl), count / STARTS_PER_SECOND)


def soon(uid: str, now: float, window: float, reason: str) -> Due:
    """A run within the window, at the uid's own place in it."""
    return Due(now + share(uid) * window, reason)


def after_success(binding: Binding, now: float, hints: Hints = NO_HINTS) -> Due:
    """The next poll: half a period away at least, and later where the other side asks for it."""
    if not polls(binding):
        return NEVER
    ttl = binding.refresh.ttl_seconds
    due = Due(next_on_grid(binding.uid, ttl, now + ttl / 2), "policy")
    if hints.max_age is not None and binding.refresh.type is PolicyType.ETAG:
        due = later(due, now + min(hints.max_age, CACHE_CONTROL_MOST), "cache_control")
    return raised(due, now, hints.retry_after)


def after_update(binding: Binding, now: float, fetched_at: float | None) -> Due:
    """The next poll after a run that did not ask the source: as if there had been no such run.

    *fetched_at* is when the source was asked last.
    """
    if not polls(binding):
        return NEVER
    if fetched_at is None:
        return Due(now, "policy")
    ttl = binding.refresh.ttl_seconds
    return Due(max(now, next_on_grid(binding.uid, ttl, min(fetched_at, now) + ttl / 2)), "policy")


def after_failure(
    binding: Binding, now: float, failures: int, dice: float, retry_after: float | None = None
) -> Due:
    """The retry: min(ttl, 30 s · 2ⁿ, 1 h) with full jitter, later where the other side asks for it.

    *failures* in a row, this one counted, are 1 or more; *dice* is a random number in [0, 1).
    """
    step = RETRY_BASE * 2.0 ** min(failures - 1, 16)
    bound = min(float(binding.refresh.ttl_seconds), step, RETRY_MOST)
    return raised(Due(now + max(RETRY_LEAST, dice * bound), "retry"), now, retry_after)


def raised(due: Due, now: float, retry_after: float | None) -> Due:
    """The later of the two; nothing that a stranger says brings a run forward."""
    if retry_after is None:
        return due
    return later(due, now + min(retry_after, RETRY_AFTER_MOST), "retry_after")


def later(due: Due, at: float, reason: str) -> Due:
    """*due*, or *at* where that is later."""
    return Due(at, reason) if due.at is not None and at > due.at else due
