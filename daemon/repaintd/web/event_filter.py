"""Which events a client wants: `?binding=` and `?event=`, each as often as need be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from repaintd.core.event import NAMES
from repaintd.web.problem import invalid

if TYPE_CHECKING:
    from multidict import MultiMapping

    from repaintd.core.event import StoredEvent

_ALL: Final = "*"
_FAMILY: Final = ".*"


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Where nothing is named, all is wanted."""

    bindings: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, query: MultiMapping[str]) -> EventFilter:
        """What the query asks for.

        Raises:
            Problem: it names events that there are not.
        """
        names = (_named(text) for text in query.getall("event", ()))
        return cls(frozenset(query.getall("binding", ())), frozenset().union(*names))

    @property
    def everything(self) -> bool:
        """Whether all is wanted."""
        return not self.bindings and not self.names

    def __call__(self, event: StoredEvent) -> bool:
        """Whether it is wanted."""
        return (not self.bindings or event.uid in self.bindings) and (
            not self.names or event.name in self.names
        )


def _named(text: str) -> frozenset[str]:
    """The names that are meant: one, a family (`binding.*`), or all (`*`)."""
    if text == _ALL:
        return frozenset(NAMES)
    family = text.removesuffix("*") if text.endswith(_FAMILY) else None
    found = frozenset(n for n in NAMES if n == text or (family and n.startswith(family)))
    if not found:
        raise invalid("event", f"Must be one of {', '.join(NAMES)}, binding.*, *")
    return found
