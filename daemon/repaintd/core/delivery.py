"""Telling the world: what sinks are promised, and what is remembered of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from repaintd.core.fingerprint import digest

if TYPE_CHECKING:
    from repaintd.core.event import StoredEvent

UNTIL_IT_WORKS: Final[tuple[float, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """How the daemon delivers to one sink.

    Attributes:
        retries: seconds from each failed attempt to the next, before jitter; after the last one
            the event is a dead letter. Empty: tried until it works, with exponential back-off
            (1 s to 5 min) and full jitter, and the whole sink waits meanwhile.
        jitter: share by which a step of `retries` is lengthened or shortened at most.
        timeout: seconds that one attempt may take.
        concurrency: attempts at a time; those of one binding always come one after the other.
        disable_after: dead letters in a row until the sink is given up; 0 for never.
    """

    retries: tuple[float, ...] = UNTIL_IT_WORKS
    jitter: float = 0.2
    timeout: float = 15.0
    concurrency: int = 8
    disable_after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The other side has it. *status* is the HTTP status, where there is one."""

    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkRecord:
    """What is remembered of one sink.

    Attributes:
        name: `plugin`, or `plugin/subscription`.
        cursor: every event up to this position is delivered, dead, unwanted or in the outbox.
        status: `failed` when it was given up: nothing is attempted until it is resumed.
        exhausted: dead letters in a row.
        fingerprint: of its definition; a changed one makes a failed sink active again.
    """

    name: str
    cursor: int
    status: Literal["active", "failed"] = "active"
    reason: str = ""
    exhausted: int = 0
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry:
    """One event that a sink still owes, because an attempt failed or one before it has.

    Attributes:
        attempts: made so far.
        due_at: of the next attempt, seconds since the epoch; None while it waits behind an earlier
            event of its binding, and for dead letters.
        dead: given up; kept for replay.
    """

    sink: str
    event: StoredEvent = field(repr=False)
    attempts: int = 0
    due_at: float | None = None
    dead: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """One line of the delivery log: one attempt.

    Attributes:
        id: of the delivery, the same for all its attempts.
        attempt: from 1.
        at: when it began, seconds since the epoch.
        status: the HTTP status, None where there was none.
        seconds: how long it took.
        error: "" where it succeeded.
        next_at: when it is tried again; None after a success and for dead letters.
        dead: whether this attempt was the last one.
    """

    id: str
    sink: str
    event_id: str
    event: str
    uid: str
    position: int
    attempt: int
    at: float
    status: int | None
    seconds: float
    error: str = ""
    next_at: float | None = None
    dead: bool = False


def delivery_id(sink: str, event_id: str) -> str:
    """The id of a delivery: it follows from what is told to whom, so no restart changes it."""
    return f"del_{digest(sink, event_id)[:24]}"
