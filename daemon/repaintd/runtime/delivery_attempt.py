"""One attempt to deliver one event: it ends in time, and in an answer, whatever the sink does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from repaintd.errors import DeliveryFailed

if TYPE_CHECKING:
    from repaintd.core.event import StoredEvent
    from repaintd.core.ports import Clock, EventSink

_ERROR_MOST: Final = 500  # characters of a message that are remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of it.

    Attributes:
        at: when it began, seconds since the epoch.
        seconds: how long it took.
        status: the HTTP status, where there was one.
        error: "" where the other side has the event.
        retry_after: seconds that the other side asked us to wait, if it did.
        gone: the receiver wants no more of it, ever.
    """

    at: float
    seconds: float
    status: int | None = None
    error: str = ""
    retry_after: float | None = None
    gone: bool = False


async def attempt(sink: EventSink, event: StoredEvent, *, clock: Clock, log: Any) -> Attempt:
    """Tell the sink once, within its policy's time limit; only our own cancellation escapes."""
    at, started = clock.now(), clock.monotonic()
    try:
        status = await _deliver(sink, event, log)
    except DeliveryFailed as exc:
        return Attempt(
            at=at,
            seconds=clock.monotonic() - started,
            status=exc.status,
            error=str(exc)[:_ERROR_MOST] or "the sink did not say why",
            retry_after=exc.retry_after,
            gone=exc.gone,
        )
    return Attempt(at=at, seconds=clock.monotonic() - started, status=status)


async def _deliver(sink: EventSink, event: StoredEvent, log: Any) -> int | None:
    """The status of a success; all that is no success as DeliveryFailed."""
    timeout = sink.policy.timeout
    try:
        async with asyncio.timeout(timeout) as deadline:
            return (await sink.deliver(event)).status
    except DeliveryFailed:
        raise
    except asyncio.CancelledError as exc:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        log.exception("a sink cancelled itself; please report this", event_id=event.id)
        raise DeliveryFailed("the sink cancelled itself; please report this") from exc
    except Exception as exc:
        if deadline.expired():
            raise DeliveryFailed(f"no answer within {timeout:g} s") from exc
        log.exception("a sink broke; please report this", event_id=event.id)
        kind = type(exc).__name__  # its words might hold a secret, its type does not
        raise DeliveryFailed(f"the sink broke ({kind}); please report this") from exc
