"""Delivers to a sink that has a schedule of retries: a lane per binding, several at a time.

What fails once is written to the outbox and waits there with all that comes after it for the same
binding, so that neither one bad binding nor a dead receiver holds up anything else.

A first attempt that succeeds writes nothing but the cursor: what a crash forgets of that is
delivered once more, with the same id and bytes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NoReturn

from repaintd.core.backoff import RETRY_AFTER_MOST, stepped
from repaintd.core.delivery import OutboxEntry
from repaintd.runtime.delivery_attempt import attempt
from repaintd.runtime.lanes import Lanes, Parked
from repaintd.runtime.sink_bodies import ParkedEvents
from repaintd.runtime.sink_dead import DeadLetters
from repaintd.runtime.sink_gate import Gate
from repaintd.runtime.sink_ledger import SinkLedger
from repaintd.runtime.sink_reader import SinkReader

if TYPE_CHECKING:
    from repaintd.core.event import StoredEvent
    from repaintd.runtime.delivery_attempt import Attempt
    from repaintd.runtime.lanes import Lane
    from repaintd.runtime.sink_parts import SinkParts


class LaneRunner:
    """Implements `repaintd.runtime.sink_parts.SinkRunner`."""

    def __init__(self, parts: SinkParts) -> None:
        self._parts = parts
        self._policy = parts.sink.policy
        self._ledger = SinkLedger(parts)
        self._gate = Gate(parts.sink, self._ledger)
        self._lanes = Lanes()
        self._dead = DeadLetters(self._ledger)
        self._bodies = ParkedEvents(parts.history, self._ledger)
        self._reader = SinkReader(
            parts.history,
            ledger=self._ledger,
            lanes=self._lanes,
            dead=self._dead,
            gate=self._gate,
            log=parts.log,
        )
        self.poke, self.stop, self.idle = self._gate.poke, self._gate.stop, self._gate.idle

    async def open(self, born_at: int) -> None:
        """Take over what is remembered of the sink."""
        changed = await self._ledger.open(born_at)
        self._reader.begin(self._ledger.record.cursor)
        for entry in await self._ledger.owed():
            if entry.dead:
                self._dead.load(entry.event.position)
            else:
                due = None if changed else self._due(entry)
                parked = Parked(entry.event.position, entry.attempts, due)
                self._lanes.park(entry.event.uid, [parked])
        self.gauge()

    async def serve(self) -> NoReturn:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(), name=f"sink-reader:{self._parts.name}")
            while True:
                self._start_attempts(tasks)
                await self._gate.changed(self._seconds())

    def gauge(self) -> None:
        """Tell how much is still to be delivered, and how much never will be by itself."""
        unseen = max(0, self._parts.events.latest - self._reader.position)
        pending = unseen + self._lanes.fresh + self._lanes.parked
        self._parts.metrics.set_pending(self._parts.name, pending)
        self._parts.metrics.set_dead(self._parts.name, len(self._dead))

    async def resume(self) -> None:
        """Make the sink active again, and everything due at once."""
        if await self._ledger.resume():
            self._lanes.hasten_all()
            self.poke()

    async def replay(self, event: StoredEvent) -> bool:
        """Put it (once more) in its place among what is to be delivered, due at once."""
        position = event.position
        if not self._ledger.wants(event):
            return False
        if position > self._reader.position or self._lanes.is_fresh(position):
            return True  # its first attempt is still to come
        if not self._lanes.is_parked(position):
            now = self._parts.clock.now()
            entry = OutboxEntry(sink=self._parts.name, event=event, due_at=now)
            await self._parts.outbox.keep_owed([entry])
            self._dead.discard(position)
            self._lanes.park(event.uid, [Parked(position)])
        self._lanes.hasten(event.uid, position)
        self.poke()
        self.gauge()
        return True

    def _due(self, entry: OutboxEntry) -> float | None:
        """In monotonic seconds; a clock that was set puts off no attempt for years."""
        if entry.due_at is None:
            return None
        longest = 2 * max(RETRY_AFTER_MOST, *self._policy.retries)
        wait = min(entry.due_at - self._parts.clock.now(), longest)
        return self._parts.clock.monotonic() + wait

    async def _read(self) -> NoReturn:
        while True:
            await self._reader.read_on()
            self.gauge()

    def _start_attempts(self, tasks: asyncio.TaskGroup) -> None:
        now = self._parts.clock.monotonic()
        while self._has_turns() and (lane := self._lanes.take(now)) is not None:
            name = f"deliver:{self._parts.name}:{lane.uid}"
            self._gate.begin()
            tasks.create_task(self._work(lane), name=name)

    def _has_turns(self) -> bool:
        return self._gate.open and self._gate.running < self._policy.concurrency

    def _seconds(self) -> float | None:
        """How long nothing can be started if nothing changes."""
        next_at = self._lanes.next_at() if self._has_turns() else None
        return None if next_at is None else max(0.0, next_at - self._parts.clock.monotonic())

    async def _work(self, lane: Lane) -> None:
        try:
            await self._tell_head(lane)
        finally:
            self._lanes.give_back(lane)
            self._gate.end()
        self._reader.advance()
        self.gauge()

    async def _tell_head(self, lane: Lane) -> None:
        item = lane.head
        event = await self._bodies.at(item.position) if isinstance(item, Parked) else item
        if item is None or event is None:
            self._miss(lane, item)
            return
        made = await attempt(self._parts.sink, event, clock=self._parts.clock, log=self._parts.log)
        if made.error:
            await self._failed(lane, item, event, made)
        else:
            await self._succeeded(lane, item, event, made)

    def _miss(self, lane: Lane, item: StoredEvent | Parked | None) -> None:
        """Somebody else has removed the entry."""
        if item is not None:
            self._lanes.done(lane, item)
            self._ledger.lost(1)

    async def _succeeded(
        self, lane: Lane, item: StoredEvent | Parked, event: StoredEvent, made: Attempt
    ) -> None:
        self._ledger.log_attempt(event, _number(item), made)
        if isinstance(item, Parked):
            await self._ledger.drop_owed([item.position])
        self._lanes.done(lane, item)
        await self._ledger.succeeded()
        if not self._lanes.parked:
            self._ledger.recovered()

    async def _failed(
        self, lane: Lane, item: StoredEvent | Parked, event: StoredEvent, made: Attempt
    ) -> None:
        number = _number(item)
        self._ledger.failed(event, made.error)
        if number > len(self._policy.retries) and not made.gone:
            await self._bury(lane, item, event, made)
            return
        delay = 0.0 if made.gone else self._delay(number, made)
        now = self._parts.clock.now()
        entry = OutboxEntry(
            sink=self._parts.name,
            event=event,
            attempts=number,
            due_at=now + delay,
            error=made.error,
        )
        await self._park(lane, entry)
        next_at = None if made.gone else entry.due_at
        self._ledger.log_attempt(event, number, made, next_at=next_at)
        if made.gone:
            await self._ledger.give_up("the receiver wants no more events", made.error)

    def _delay(self, number: int, made: Attempt) -> float:
        return stepped(
            self._policy.retries[number - 1],
            jitter=self._policy.jitter,
            dice=self._parts.dice(),
            retry_after=made.retry_after,
        )

    async def _park(self, lane: Lane, entry: OutboxEntry) -> None:
        """Remember the failed attempt, and all that waits behind it in memory."""
        due = self._due(entry)
        lane.parking = True
        behind = [event for event in lane.fresh if event.position > entry.event.position]
        await self._ledger.keep_owed(
            [entry, *(OutboxEntry(sink=entry.sink, event=event) for event in behind)]
        )
        lane.parking = False
        self._lanes.put_off(lane, Parked(entry.event.position, entry.attempts, due))
        self._lanes.park(lane.uid, [Parked(event.position) for event in behind])

    async def _bury(
        self, lane: Lane, item: StoredEvent | Parked, event: StoredEvent, made: Attempt
    ) -> None:
        number = _number(item)
        entry = OutboxEntry(
            sink=self._parts.name, event=event, attempts=number, dead=True, error=made.error
        )
        await self._ledger.keep_owed([entry])
        self._lanes.done(lane, item)
        self._ledger.log_attempt(event, number, made, dead=True)
        await self._dead.add(event.position)
        await self._ledger.died(event, number, made.error)


def _number(item: StoredEvent | Parked) -> int:
    """Of the attempt that is made now, from 1."""
    return item.attempts + 1 if isinstance(item, Parked) else 1
