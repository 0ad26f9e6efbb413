"""The catalogue: the active configuration joined with what is remembered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from repaintd.core import schedule
from repaintd.core.fingerprint import render_fingerprint
from repaintd.core.mapping import mapping_fingerprint
from repaintd.core.state import BindingState
from repaintd.core.view import View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from repaintd.core.binding import Binding
    from repaintd.core.template import Template


@dataclass(slots=True)
class Entry:
    """One binding as it is now. The binding and the state in it are replaced, never changed.

    Attributes:
        drawn: whether the published image is known to show the state's variables in this template.
    """

    binding: Binding
    template: Template
    mapping_fingerprint: str
    state: BindingState
    drawn: bool = False


class Catalogue:
    """Every binding of the active configuration with its state; implements `core.view.Bindings`."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, uid: str) -> Entry | None:
        """The live entry, for whoever refreshes."""
        return self._entries.get(uid)

    def get(self, uid: str) -> View | None:
        """What others see of one binding."""
        entry = self._entries.get(uid)
        return View(binding=entry.binding, state=entry.state) if entry else None

    def all(self) -> Iterator[View]:
        """Every binding, ordered by uid."""
        for uid in sorted(self._entries):
            entry = self._entries.get(uid)
            if entry is not None:
                yield View(binding=entry.binding, state=entry.state)

    def load(
        self,
        bindings: Mapping[str, Binding],
        templates: Mapping[str, Template],
        states: dict[str, BindingState],
        now: float,
    ) -> list[str]:
        """Take over a configuration at start.

        States are moved out of *states*, so that they are not held twice.

        Returns:
            The uids that are remembered and no longer configured.
        """
        for uid, binding in bindings.items():
            state = states.pop(uid, None) or BindingState(uid=uid, created_at=now)
            template = templates[binding.template_id]
            self._entries[uid] = Entry(
                binding, template, mapping_fingerprint(binding, template), state
            )
        return sorted(states)


def plan(entry: Entry, due: schedule.Due) -> None:
    """Remember when the binding runs next."""
    entry.state = replace(entry.state, next_due_at=due.at, due_reason=due.reason)


def first_due(entry: Entry, now: float, count: int) -> schedule.Due:
    """When a binding runs first after a start: a restart forgets neither a poll nor a back-off."""
    binding, state = entry.binding, entry.state
    if binding.paused:
        return schedule.NEVER
    window = schedule.start_window(count, binding.refresh.ttl_seconds)
    if state.last_attempt_at is None:
        return schedule.soon(binding.uid, now, window, "first")
    if outdated(entry):
        return schedule.soon(binding.uid, now, window, "changed")
    return _resumed(entry, now, window)


def outdated(entry: Entry) -> bool:
    """Whether the configuration now asks for another image than the one that was drawn."""
    state, binding = entry.state, entry.binding
    if state.variables is None:
        return state.source_fingerprint != binding.source.fingerprint and not state.error_count
    return (
        state.source_fingerprint != binding.source.fingerprint
        or state.mapping_fingerprint != entry.mapping_fingerprint
        or state.render_fingerprint
        != render_fingerprint(state.variables, entry.template, binding.output)
    )


def _resumed(entry: Entry, now: float, window: float) -> schedule.Due:
    binding, state = entry.binding, entry.state
    if state.next_due_at is None:
        return schedule.after_success(binding, now) if schedule.polls(binding) else schedule.NEVER
    if state.error_count == 0 and not schedule.polls(binding):
        return schedule.NEVER
    if state.next_due_at <= now:
        return schedule.soon(binding.uid, now, window, state.due_reason)
    ttl = binding.refresh.ttl_seconds
    if state.due_reason == "policy" and state.next_due_at > now + 1.5 * ttl:  # the ttl was lowered
        return schedule.after_success(binding, now)
    return schedule.Due(state.next_due_at, state.due_reason)


def forget_image(entry: Entry) -> None:
    """The stable file is gone: draw it again."""
    entry.state = replace(entry.state, render_fingerprint="")
    entry.drawn = False
