"""When a binding runs that was given another definition while the daemon runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from repaintd.core import schedule
from repaintd.runtime.resumption import farthest, first_due

if TYPE_CHECKING:
    from repaintd.core.binding import Binding
    from repaintd.runtime.catalogue import Entry

_RETRIES: Final = frozenset({"retry", "retry_after"})


def due_when_changed(
    entry: Entry, before: Binding, now: float, count: int = 1
) -> schedule.Due | None:
    """The new plan of a binding that was *before*; None where what was planned stands.

    What decides what the image shows makes a run, *count* of them spread like those of a start; a
    pause ends every plan, and the end of a pause is a start. A new refresh policy alone is no
    reason to run: the binding falls into its new rhythm.
    """
    binding, state = entry.binding, entry.state
    if binding.paused or before.paused:
        return first_due(entry, now, count)
    if entry.pending and state.due_reason == "trigger":
        return None  # the run that is owed since the start is due, whatever the policy says
    if entry.outdated:
        if state.last_attempt_at is None:
            return None  # its first run is still to come
        window = schedule.start_window(count, binding.refresh.ttl_seconds)
        due = schedule.soon(binding.uid, now, window, "changed")
        # Edits in quick succession must not put a run off again and again.
        return None if _comes_first(state.next_due_at, now, due) else due
    same_rhythm = binding.refresh.type is before.refresh.type and (
        binding.refresh.ttl_seconds == before.refresh.ttl_seconds
    )
    return None if same_rhythm else _in_new_rhythm(entry, now)


def _comes_first(planned: float | None, now: float, due: schedule.Due) -> bool:
    return planned is not None and due.at is not None and now <= planned <= due.at


def _in_new_rhythm(entry: Entry, now: float) -> schedule.Due | None:
    binding, state = entry.binding, entry.state
    if state.due_reason in _RETRIES and state.next_due_at is not None:
        if state.next_due_at <= now + farthest(binding, state):
            return None  # a back-off is not shortened by another policy
        return schedule.soon(binding.uid, now, binding.refresh.ttl_seconds, state.due_reason)
    if not schedule.polls(binding):
        return schedule.NEVER
    ttl = binding.refresh.ttl_seconds
    return schedule.Due(schedule.next_on_grid(binding.uid, ttl, now), "policy")
