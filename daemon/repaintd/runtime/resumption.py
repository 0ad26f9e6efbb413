"""What a start picks up: a restart forgets neither a poll nor a back-off, and makes no herd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from repaintd.core import schedule
from repaintd.core.binding import PolicyType
from repaintd.core.state import Trigger

if TYPE_CHECKING:
    from repaintd.core.binding import Binding
    from repaintd.core.state import BindingState
    from repaintd.core.view import View
    from repaintd.runtime.catalogue import Entry

_ON_TIME: Final = 1.5  # periods: a run out of turn may be followed by one that far away


def first_due(entry: Entry, now: float, count: int) -> schedule.Due:
    """When a binding runs first after a start with *count* bindings.

    A trigger that was accepted and that no run has seen is owed one at once, whatever else is due.
    """
    if entry.binding.paused:
        return schedule.NEVER
    if entry.pending:
        return schedule.Due(now, "trigger")
    return _due_by_time(entry, now, count)


def _due_by_time(entry: Entry, now: float, count: int) -> schedule.Due:
    binding, state = entry.binding, entry.state
    window = schedule.start_window(count, binding.refresh.ttl_seconds)
    if state.last_attempt_at is None:
        return schedule.soon(binding.uid, now, window, "first")
    if entry.outdated:
        return schedule.soon(binding.uid, now, window, "changed")
    if state.next_due_at is None or not (state.error_count or schedule.polls(binding)):
        return schedule.after_success(binding, now)
    # later than it can be: saved under another policy, or by a clock that ran ahead
    if not now < state.next_due_at <= now + farthest(binding, state):
        return schedule.soon(binding.uid, now, window, state.due_reason)
    return schedule.Due(state.next_due_at, state.due_reason)


def farthest(binding: Binding, state: BindingState) -> float:
    """Seconds that a due time of this reason can lie ahead."""
    ttl = float(binding.refresh.ttl_seconds)
    if state.due_reason == "cache_control" and binding.refresh.type is PolicyType.ETAG:
        return schedule.CACHE_CONTROL_MOST
    if state.due_reason == "retry_after":
        return max(_ON_TIME * ttl, schedule.RETRY_AFTER_MOST)
    return _ON_TIME * ttl


def trigger_of(view: View) -> Trigger:
    """What to call a run that time alone has started."""
    if view.state.due_reason == "trigger":
        return Trigger.WEBHOOK
    if view.state.due_reason == "changed":
        return Trigger.UPDATE
    if view.state.due_reason == "first" and not schedule.polls(view.binding):
        return Trigger.UPDATE
    return Trigger(view.binding.refresh.type.value)
