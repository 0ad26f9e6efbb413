"""A state database in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from repaintd.core.event import Event
    from repaintd.core.state import BindingState
    from repaintd.errors import StoreUnavailable


class MemoryStore:
    """Implements `core.ports.StateStore`; `failure` makes commits fail."""

    def __init__(self) -> None:
        self.states: dict[str, BindingState] = {}
        self.events: list[Event] = []
        self.notes = 0
        self.failure: StoreUnavailable | None = None

    async def commit(self, state: BindingState, events: Sequence[Event] = ()) -> None:
        """Keep both."""
        if self.failure is not None:
            raise self.failure
        self.states[state.uid] = state
        self.events.extend(events)

    def note(self, state: BindingState) -> None:
        """Keep the state."""
        self.notes += 1
        self.states[state.uid] = state

    async def forget(self, uid: str) -> None:
        """Drop the state."""
        self.states.pop(uid, None)
