"""The catalogue: the active configuration joined with what is remembered."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from repaintd.core.fingerprint import configured_fingerprint
from repaintd.core.mapping import mapping_fingerprint
from repaintd.core.state import BindingState
from repaintd.core.view import View

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from repaintd.core.binding import Binding
    from repaintd.core.schedule import Due
    from repaintd.core.template import Template

_NONE_RECEIVED: Final[Mapping[str, int]] = MappingProxyType({})


class Entry:
    """One binding as it is now. What it holds is replaced, never changed in itself.

    Attributes:
        view: binding and state, as others see them.
        mapping_fingerprint: of what decides how a document becomes variables.
        configured: of all in the configuration that decides what the image shows.
        drawn: whether the published image is known to show the state's variables in this template.
        received: how many triggers the inbox has counted for it so far.
    """

    __slots__ = ("configured", "drawn", "mapping_fingerprint", "received", "template", "view")

    def __init__(
        self, binding: Binding, template: Template, state: BindingState, received: int = 0
    ) -> None:
        self.view = View(binding=binding, state=state)
        self.received = received
        self.configured = ""
        self._configure(template)

    def _configure(self, template: Template) -> None:
        """Take note of what the view's binding and its template make of the image."""
        binding, state = self.view.binding, self.view.state
        self.template = template
        self.mapping_fingerprint = mapping_fingerprint(binding, template)
        before, self.configured = (
            self.configured,
            configured_fingerprint(binding, template, self.mapping_fingerprint),
        )
        if self.configured != before:
            self.drawn = (
                bool(state.render_fingerprint)
                and state.attempted == self.configured
                and not state.error_count
            )

    def reconfigure(self, binding: Binding, template: Template) -> None:
        """Work with another definition of the same binding from now on; what is known stays.

        A run under way goes on with the old one, and must not take its image for one of the new.
        """
        self.relocate(binding)
        self._configure(template)

    def relocate(self, binding: Binding) -> None:
        """Take over a definition that says the same in another place."""
        self.view = View(binding=binding, state=self.view.state)

    @property
    def binding(self) -> Binding:
        """The binding as configured."""
        return self.view.binding

    @property
    def state(self) -> BindingState:
        """What is remembered of it."""
        return self.view.state

    @state.setter
    def state(self, state: BindingState) -> None:
        self.view = View(binding=self.view.binding, state=state)

    @property
    def outdated(self) -> bool:
        """Whether something else is configured than what was tried last, or the image is gone."""
        state = self.view.state
        if state.last_attempt_at is None:
            return True
        lost = state.image is not None and not state.render_fingerprint
        return lost or state.attempted != self.configured

    @property
    def pending(self) -> bool:
        """Whether a trigger was accepted that no recorded run has seen."""
        return self.received > self.view.state.triggers_taken

    def plan(self, due: Due) -> None:
        """Remember when the binding runs next."""
        if (due.at, due.reason) == (self.state.next_due_at, self.state.due_reason):
            return  # after most starts nothing moves
        self.state = replace(self.state, next_due_at=due.at, due_reason=due.reason)

    def replan(self, due: Due | None) -> None:
        """The same, but for None: then what was planned stands."""
        if due is not None:
            self.plan(due)

    def forget_image(self) -> None:
        """The stable file is gone: draw it again."""
        self.state = replace(self.state, render_fingerprint="")
        self.drawn = False


class Catalogue:
    """Every binding of the active configuration with its state; implements `core.view.Bindings`."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, uid: str) -> Entry | None:
        """The live entry, for whoever refreshes."""
        return self._entries.get(uid)

    def entries(self) -> Iterable[Entry]:
        """All live entries, ordered by uid."""
        return self._entries.values()

    def get(self, uid: str) -> View | None:
        """What others see of one binding."""
        entry = self._entries.get(uid)
        return entry.view if entry else None

    def all(self) -> list[View]:
        """Every binding, ordered by uid."""
        return [entry.view for entry in self._entries.values()]

    def load(
        self,
        bindings: Mapping[str, Binding],
        templates: Mapping[str, Template],
        states: dict[str, BindingState],
        now: float,
        received: Mapping[str, int] = _NONE_RECEIVED,
    ) -> list[str]:
        """Take over a configuration at start.

        States are moved out of *states*, so that they are not held twice. *received* says how many
        triggers the inbox has counted, by uid.

        Returns:
            The uids that are remembered and no longer configured.
        """
        for uid in sorted(bindings):
            binding = bindings[uid]
            state = states.pop(uid, None) or BindingState(uid=uid, created_at=now)
            self._entries[uid] = Entry(
                binding, templates[binding.template_id], state, received.get(uid, 0)
            )
        return sorted(states)

    def change(self, add: Iterable[Entry] = (), remove: Iterable[str] = ()) -> None:
        """Let bindings come and go; whoever goes through all of them just now is not disturbed."""
        entries = self._entries.copy()
        for uid in remove:
            entries.pop(uid, None)
        new = {entry.binding.uid: entry for entry in add}
        if new:
            entries = dict(sorted({**entries, **new}.items()))
        self._entries = entries
