"""Events: what happened, in the words of contract B.11."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

UPDATED: Final = "binding.updated"
FAILED: Final = "binding.failed"
STALE: Final = "binding.stale"
FRESH: Final = "binding.fresh"
WEBHOOK_DISABLED: Final = "webhook.disabled"
CONFIG_APPLIED: Final = "config.applied"
CONFIG_REJECTED: Final = "config.rejected"
NAMES: Final = (UPDATED, FAILED, STALE, FRESH, WEBHOOK_DISABLED, CONFIG_APPLIED, CONFIG_REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened.

    Attributes:
        id: never changes, across retries and restarts.
        uid: the binding it happened to; "" for events of the daemon itself.
        sequence: counts the events of that binding (or of the daemon) from 1, without holes.
        at: seconds since the epoch, UTC.
        data: the body's `data`, JSON values only.
    """

    id: str
    name: str
    uid: str
    sequence: int
    at: float
    data: Mapping[str, Any] = field(repr=False)

    def body(self) -> dict[str, Any]:
        """The document that receivers get: `{event, timestamp, data}`."""
        return {"event": self.name, "timestamp": iso(self.at), "data": dict(self.data)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One event, durable.

    Attributes:
        position: cursor over the events of all bindings; grows by one from event to event.
        at: seconds since the epoch, UTC.
        body: the bytes as first written; every receiver gets exactly these.
    """

    position: int
    id: str
    name: str
    uid: str
    sequence: int
    at: float
    body: bytes = field(repr=False)


def iso(at: float | None) -> str | None:
    """Seconds since the epoch as RFC 3339 with milliseconds, in UTC."""
    if at is None:
        return None
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
