"""The events of the freshness contract: told once when the bound is passed, once when it is met."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from repaintd.core.event import FRESH, STALE, iso
from repaintd.core.health import Settled, make_event
from repaintd.core.staleness import data_time, is_stale

if TYPE_CHECKING:
    from repaintd.core.binding import Binding
    from repaintd.core.health import Stamp
    from repaintd.core.state import BindingState


def is_to_tell(binding: Binding, state: BindingState, now: float) -> bool:
    """Whether receivers believe something else of its freshness than what is so."""
    told = state.stale_since is not None
    if binding.freshness is None and not told:
        return False  # most bindings, and this is asked often
    return is_stale(binding, state, now) is not told


def tell(binding: Binding, state: BindingState, stamp: Stamp) -> Settled | None:
    """The event that is to be told and the state with it; None when there is nothing to tell."""
    if not is_to_tell(binding, state, stamp.now):
        return None
    stale = state.stale_since is None
    since, as_of = stamp.now if stale else state.stale_since, data_time(binding, state)
    after = replace(state, stale_since=stamp.now if stale else None, sequence=state.sequence + 1)
    data = {
        "bindingId": binding.uid,
        "uid": binding.uid,
        "templateId": binding.template_id,
        "renderUrl": stamp.render_url,
        "asOf": iso(as_of),
        "ageSeconds": None if as_of is None else round(max(0.0, stamp.now - as_of), 3),
        "maxStaleSeconds": binding.freshness.max_stale if binding.freshness else None,
        "staleSince": iso(since),
        "error": state.last_error,
        "sequence": after.sequence,
    }
    event = make_event(STALE if stale else FRESH, after, data, stamp)
    return Settled(state=after, event=event)
