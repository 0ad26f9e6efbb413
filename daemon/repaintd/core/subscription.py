"""Who is told of which events, and how the messages are signed (contract E.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

ALL: Final = "*"
_FAMILY: Final = ".*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """An outgoing webhook, declared in Git or made through the API.

    Attributes:
        events: names of the events that are wanted, `binding.*`, or `*`.
        target_url: where messages go; may hold a secret reference.
        template_id: only events of this template; None for all.
        binding_id: only events of this binding; None for all.
        secrets: references to the secrets that sign, newest first.
        status: `paused` ones are not attempted; what they miss waits.
    """

    uid: str
    events: tuple[str, ...]
    target_url: str = field(repr=False)
    platform: str = "custom"
    template_id: str | None = None
    binding_id: str | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    status: Literal["active", "paused"] = "active"

    def names(self, event: str) -> bool:
        """Whether events of that name are wanted."""
        family = event.partition(".")[0] + _FAMILY
        return any(wanted in (event, family, ALL) for wanted in self.events)
