"""A receiver of events that remembers what it was told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from repaintd.core.delivery import Delivered, DeliveryPolicy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from repaintd.core.event import StoredEvent


@dataclass(frozen=True, slots=True)
class Told:
    """One attempt: when it began in the loop's time, and of which event."""

    at: float
    event: StoredEvent


async def _take(event: StoredEvent) -> None:
    """Every event is welcome."""


class FakeSink:
    """Implements `core.ports.EventSink`.

    Attributes:
        answer: awaited for each attempt; what it raises fails the attempt.
        wanted: which events it wants.
        attempts: all of them.
        got: the events whose attempt succeeded.
    """

    def __init__(
        self,
        answer: Callable[[StoredEvent], Awaitable[Any]] = _take,
        *,
        fingerprint: str = "as defined",
        wanted: Callable[[StoredEvent], bool] = lambda _: True,
        **policy: Any,
    ) -> None:
        self.answer = answer
        self.policy = DeliveryPolicy(**policy)
        self.fingerprint = fingerprint
        self.held = False
        self.wanted = wanted
        self.attempts: list[Told] = []
        self.got: list[StoredEvent] = []

    def wants(self, event: StoredEvent) -> bool:
        """As told."""
        return self.wanted(event)

    async def deliver(self, event: StoredEvent) -> Delivered:
        """As told."""
        self.attempts.append(Told(asyncio.get_running_loop().time(), event))
        await self.answer(event)
        self.got.append(event)
        return Delivered(status=200)
