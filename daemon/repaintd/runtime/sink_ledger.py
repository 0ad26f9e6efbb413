"""What is remembered of one sink, in memory and in the database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import orjson

from repaintd.core.delivery import DeliveryRecord, OutboxEntry, SinkRecord, delivery_id
from repaintd.core.event import WEBHOOK_DISABLED
from repaintd.runtime.delivery_insistence import insist

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from repaintd.core.event import StoredEvent
    from repaintd.runtime.delivery_attempt import Attempt
    from repaintd.runtime.sink_parts import SinkParts

T = TypeVar("T")


class SinkLedger:
    """The sink's record, its metrics, and the announcements about it.

    Whatever must not be lost is repeated until the database takes it.

    Attributes:
        record: as it is now; the database may be a moment behind with the cursor.
    """

    def __init__(self, parts: SinkParts) -> None:
        self._parts = parts
        self._failing = False
        self.record = SinkRecord(name=parts.name, cursor=0)

    @property
    def active(self) -> bool:
        """Whether the sink was not given up."""
        return self.record.status == "active"

    async def open(self, born_at: int) -> bool:
        """Read the record, or keep a new one before anything else.

        Returns:
            Whether the definition has changed since: what waited for a retry need not any more.
        """
        known = self._parts.outbox.sinks().get(self._parts.name)
        fingerprint = self._parts.sink.fingerprint
        record = known or replace(self.record, cursor=born_at, fingerprint=fingerprint)
        if record.cursor > self._parts.events.latest:  # a database that was put back
            record = replace(record, cursor=self._parts.events.latest)
        changed = record.fingerprint != fingerprint
        if changed:
            record = replace(_resumed(record), fingerprint=fingerprint)
        self.record = record
        if record != known:
            await self._keep()
        self._parts.metrics.set_sink_active(self._parts.name, self.active)
        return changed

    async def resume(self) -> bool:
        """Make the sink active again; False when it was not given up.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        if self.active:
            return False
        await self._parts.outbox.keep_sink(_resumed(self.record))
        self.record = _resumed(self.record)
        self._parts.metrics.set_sink_active(self._parts.name, True)
        self._parts.log.info("sink is active again")
        return True

    def note(self, cursor: int) -> None:
        """Move the cursor on; it is written soon."""
        if cursor > self.record.cursor:
            self.record = replace(self.record, cursor=cursor)
            self._parts.outbox.note_cursor(self._parts.name, cursor)

    def lost(self, count: int) -> None:
        """Events are not kept any more that the sink did not get."""
        self._parts.metrics.count_delivery(self._parts.name, "lost", count)
        self._parts.log.error("events are too old to be kept, and were not delivered", count=count)

    async def owed(self) -> list[OutboxEntry]:
        """All entries, dead letters among them, by position."""
        return await self.insist(
            lambda: self._parts.outbox.owed(self._parts.name), "reading the outbox"
        )

    async def keep_owed(self, entries: Sequence[OutboxEntry]) -> None:
        """Write entries; returns when they are durable."""
        await self.insist(lambda: self._parts.outbox.keep_owed(entries), "writing the outbox")

    async def drop_owed(self, positions: Sequence[int]) -> None:
        """Remove entries."""
        await self.insist(
            lambda: self._parts.outbox.drop_owed(self._parts.name, positions),
            "removing from the outbox",
        )

    async def insist(self, call: Callable[[], Awaitable[T]], what: str) -> T:
        """See `repaintd.runtime.delivery_insistence.insist`."""
        return await insist(call, log=self._parts.log, dice=self._parts.dice, what=what)

    async def succeeded(self) -> None:
        """The other side has an event."""
        self._parts.metrics.count_delivery(self._parts.name, "ok")
        self._parts.metrics.sink_succeeded(self._parts.name, self._parts.clock.now())
        if self.record.exhausted:
            self.record = replace(self.record, exhausted=0)
            await self._keep()

    def failed(self, event: StoredEvent, error: str) -> None:
        """An attempt failed; said once until `recovered`."""
        self._parts.metrics.count_delivery(self._parts.name, "error")
        if not self._failing:
            self._failing = True
            self._parts.log.warning("sink fails; trying again", event_id=event.id, error=error)

    def recovered(self) -> None:
        """Nothing is left of what failed."""
        if self._failing:
            self._failing = False
            self._parts.log.info("sink works again")

    async def died(self, event: StoredEvent, attempts: int, error: str) -> None:
        """An event has become a dead letter; after too many in a row the sink is given up."""
        self._parts.metrics.count_delivery(self._parts.name, "dead")
        self._parts.log.error(
            "event was not delivered and is a dead letter now",
            event_id=event.id,
            binding=event.uid,
            attempts=attempts,
            error=error,
        )
        self.record = replace(self.record, exhausted=self.record.exhausted + 1)
        await self._keep()
        limit = self._parts.sink.policy.disable_after
        if limit and self.record.exhausted >= limit:
            reason = f"{self.record.exhausted} events in a row were not delivered"
            await self.give_up(reason, error)

    async def give_up(self, reason: str, error: str) -> None:
        """Attempt nothing more, and say so everywhere but to the sink itself."""
        if not self.active:
            return
        parts = self._parts
        self.record = replace(self.record, status="failed", reason=reason)
        parts.metrics.set_sink_active(parts.name, False)
        parts.log.error(
            "sink is given up until it is resumed or changed", reason=reason, error=error
        )
        data = {
            "subscriptionId": subscription_id(parts.name),
            "reason": reason,
            "deadLetters": self.record.exhausted,
            "lastError": error,
        }
        await self.insist(
            lambda: parts.events.announce(WEBHOOK_DISABLED, data), "announcing a given-up sink"
        )
        parts.metrics.count_event(WEBHOOK_DISABLED)
        await self._keep()

    def wants(self, event: StoredEvent) -> bool:
        """Whether the sink is to be told of it: never that it was given up itself."""
        if event.name == WEBHOOK_DISABLED and _subject(event) == subscription_id(self._parts.name):
            return False
        return self._parts.sink.wants(event)

    def log_attempt(
        self,
        event: StoredEvent,
        number: int,
        made: Attempt,
        *,
        next_at: float | None = None,
        dead: bool = False,
    ) -> None:
        """Add a line to the delivery log."""
        self._parts.outbox.log_delivery(
            DeliveryRecord(
                id=delivery_id(self._parts.name, event.id),
                sink=self._parts.name,
                event_id=event.id,
                event=event.name,
                uid=event.uid,
                position=event.position,
                attempt=number,
                at=made.at,
                status=made.status,
                seconds=made.seconds,
                error=made.error,
                next_at=next_at,
                dead=dead,
            )
        )

    async def _keep(self) -> None:
        await self.insist(
            lambda: self._parts.outbox.keep_sink(self.record), "writing a sink's record"
        )


def subscription_id(name: str) -> str:
    """What the sink is called towards users: its subscription, or the plugin."""
    return name.partition("/")[2] or name


def _subject(event: StoredEvent) -> str:
    return str(orjson.loads(event.body)["data"]["subscriptionId"])


def _resumed(record: SinkRecord) -> SinkRecord:
    return replace(record, status="active", reason="", exhausted=0)
