"""How old the data of a binding may be, and whether it is older: the freshness contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from repaintd.core.binding import PolicyType
from repaintd.core.schedule import UNPOLLED_SOURCES

if TYPE_CHECKING:
    from repaintd.core.binding import Binding, Freshness
    from repaintd.core.state import BindingState

PUSHED: Final = "webhook"
"""The type of source whose data comes by itself."""


def has_age(binding: Binding) -> bool:
    """Whether its data grows old at all.

    What stands in the configuration, and what is asked for only when somebody says so, is as old
    as it is meant to be; unless the binding itself says how old it may be.
    """
    if binding.freshness is not None and binding.freshness.insisted:
        return True
    if binding.source.type == PUSHED:
        return True
    return (
        binding.source.type not in UNPOLLED_SOURCES
        and binding.refresh.type is not PolicyType.MANUAL
    )


def contract_of(binding: Binding) -> Freshness | None:
    """How old its data may be; None where nobody said, or where it does not grow old."""
    return binding.freshness if has_age(binding) else None


def data_time(binding: Binding, state: BindingState) -> float | None:
    """When its data was known to be current, seconds since the epoch.

    A 304 counts: the source said so then. For pushed data it is when a run took the latest. None
    where there is none yet, or where it does not grow old (`has_age`).
    """
    if not has_age(binding):
        return None
    return state.pushed_at if binding.source.type == PUSHED else state.last_success_at


def stale_at(binding: Binding, state: BindingState) -> float | None:
    """When its data will be, or became, too old; None where there is no bound.

    Before the first data, time counts from when the binding was first seen.
    """
    contract = contract_of(binding)
    bound = contract.max_stale if contract else None
    if bound is None:
        return None
    since = data_time(binding, state)
    return (state.created_at if since is None else since) + bound


def is_stale(binding: Binding, state: BindingState, now: float) -> bool:
    """Whether its data is older than it may be, *now* in seconds since the epoch."""
    at = stale_at(binding, state)
    return at is not None and now > at
