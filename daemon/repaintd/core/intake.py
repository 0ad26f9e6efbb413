"""What an accepted trigger brings, and what is answered to it (contract B.10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from repaintd.core.state import Trigger

Merge = Literal["replace", "deepMerge", "append"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Data that came with a trigger and becomes part of the binding's document.

    Attributes:
        payload: the JSON text, known to be valid.
        merge: what it does to the document kept so far.
        keep: how many payloads `append` keeps, the latest.
        max_bytes: most bytes of the document afterwards.
    """

    payload: bytes = field(repr=False)
    merge: Merge = "replace"
    keep: int = 100
    max_bytes: int = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """One trigger that proved itself, to be made durable before it is answered.

    Attributes:
        refresh_id: names it towards the sender.
        at: seconds since the epoch, UTC.
        seen: ids that must never come again for this binding; empty where the sender gave none.
        push: the data; None where the trigger only forces a fetch.
    """

    uid: str
    refresh_id: str
    trigger: Trigger
    at: float
    seen: tuple[str, ...] = ()
    push: Push | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The trigger is durable.

    Attributes:
        received: how many triggers the binding has got so far, this one counted: a run that began
            afterwards has seen them all (`BindingState.triggers_taken`).
        duplicate: one of its ids was seen before: nothing was changed.
        refresh_id: of the trigger that counts; for a duplicate "" where it is not known any more.
    """

    received: int
    duplicate: bool = False
    refresh_id: str = ""
