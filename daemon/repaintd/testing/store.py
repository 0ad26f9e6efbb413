"""A state database in memory."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from repaintd.core.event import Event, StoredEvent
from repaintd.core.fingerprint import digest
from repaintd.core.intake import Accepted
from repaintd.core.push import merged
from repaintd.core.run import kept
from repaintd.store.codec import json_bytes
from repaintd.testing.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from repaintd.core.delivery import DeliveryRecord, OutboxEntry, SinkRecord
    from repaintd.core.intake import Intake
    from repaintd.core.ports import Clock
    from repaintd.core.run import Run
    from repaintd.core.state import BindingState
    from repaintd.errors import StoreUnavailable


class MemoryEvents(list[Event]):
    """All events as they were committed; called, it reads like `core.ports.EventLog.events`.

    Attributes:
        failure: makes calls fail.
    """

    failure: StoreUnavailable | None = None

    async def __call__(self, after: int = 0, limit: int = 100) -> list[StoredEvent]:
        """The events behind *after*; positions count from 1."""
        if self.failure is not None:
            raise self.failure
        after = max(0, after)
        end = after + min(max(0, limit), 1000)
        return [_stored(event, n + 1) for n, event in enumerate(self[after:end], after)]


class MemoryStore:
    """Implements `StateStore`, `Inbox`, `EventLog` and `Outbox` of `core.ports`.

    Attributes:
        states: by uid.
        events: all, as they were committed.
        notes: how many states were noted.
        failure: makes all writes fail.
        documents: pushed data by uid.
        seen: what was accepted under an id of a trigger, by uid and id.
        owing: the outbox, by sink and position.
        log: the delivery log, oldest first.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.states: dict[str, BindingState] = {}
        self.events = MemoryEvents()
        self.notes = 0
        self.failure: StoreUnavailable | None = None
        self.documents: dict[str, bytes] = {}
        self.seen: dict[tuple[str, str], Accepted] = {}
        self.owing: dict[tuple[str, int], OutboxEntry] = {}
        self.log: list[DeliveryRecord] = []
        self._clock = clock or FakeClock()
        self._received: dict[str, int] = {}
        self._runs: dict[str, list[Run]] = {}
        self._sinks: dict[str, SinkRecord] = {}
        self._callbacks: list[Callable[[], None]] = []

    def _writing(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def commit(self, state: BindingState, events: Sequence[Event] = ()) -> None:
        """Keep both."""
        self._writing()
        self.states[state.uid] = state
        self._add(events)

    def note(self, state: BindingState) -> None:
        """Keep the state."""
        self.notes += 1
        self.states[state.uid] = state

    def log_run(self, uid: str, run: Run) -> None:
        """Keep it."""
        self._runs[uid] = kept([*self._runs.get(uid, []), run])

    async def runs(self, uid: str) -> list[Run]:
        """What is kept of the runs."""
        self._writing()
        return list(self._runs.get(uid, []))

    async def forget(self, uid: str) -> None:
        """Drop the state, the runs, the inbox and the ids."""
        self._writing()
        self._runs.pop(uid, None)
        self.states.pop(uid, None)
        self.documents.pop(uid, None)
        self._received.pop(uid, None)
        self.seen = {key: accepted for key, accepted in self.seen.items() if key[0] != uid}

    def received(self) -> dict[str, int]:
        """How many triggers each binding got so far."""
        return dict(self._received)

    async def accept(self, intake: Intake) -> Accepted:
        """Keep it, and merge its data."""
        self._writing()
        for each in intake.seen:
            if (first := self.seen.get((intake.uid, each))) is not None:
                return replace(first, duplicate=True, received=self._received[intake.uid])
        if intake.push is not None:
            old = self.documents.get(intake.uid)
            self.documents[intake.uid] = merged(old, intake.push)
        number = self._received[intake.uid] = self._received.get(intake.uid, 0) + 1
        accepted = Accepted(received=number, refresh_id=intake.refresh_id)
        self.seen.update(dict.fromkeys(((intake.uid, each) for each in intake.seen), accepted))
        return accepted

    async def document(self, uid: str) -> bytes | None:
        """The pushed data."""
        return self.documents.get(uid)

    @property
    def latest(self) -> int:
        """Position of the latest event."""
        return len(self.events)

    async def position_of(self, event_id: str) -> int | None:
        """Where the event stands, from 1."""
        return next((n for n, each in enumerate(self.events, 1) if each.id == event_id), None)

    def on_events(self, callback: Callable[[], None]) -> None:
        """Call it at every commit with events."""
        self._callbacks.append(callback)

    async def announce(self, name: str, data: Mapping[str, Any]) -> Event:
        """Add an event of the daemon itself."""
        self._writing()
        sequence = 1 + sum(not each.uid for each in self.events)
        id_ = f"evt_{digest(name, '', 'memory', str(sequence))[:24]}"
        at, data = self._clock.now(), {**data, "eventId": id_}
        event = Event(id=id_, name=name, uid="", sequence=sequence, at=at, data=data)
        self._add([event])
        return event

    def sinks(self) -> Mapping[str, SinkRecord]:
        """The sinks by name."""
        return MappingProxyType(self._sinks)

    async def keep_sink(self, record: SinkRecord) -> None:
        """Keep it."""
        self._writing()
        self._sinks[record.name] = record

    def note_cursor(self, sink: str, cursor: int) -> None:
        """Move the cursor of a sink that is known on."""
        record = self._sinks.get(sink)
        if record is not None and record.cursor < cursor:
            self._sinks[sink] = replace(record, cursor=cursor)

    async def forget_sink(self, sink: str) -> None:
        """Drop the sink, its entries and its log."""
        self._writing()
        self._sinks.pop(sink, None)
        self.owing = {key: entry for key, entry in self.owing.items() if entry.sink != sink}
        self.log = [record for record in self.log if record.sink != sink]

    async def owed(self, sink: str) -> list[OutboxEntry]:
        """All entries of a sink, by position."""
        return [entry for (name, _), entry in sorted(self.owing.items()) if name == sink]

    async def keep_owed(self, entries: Sequence[OutboxEntry]) -> None:
        """Keep them."""
        self._writing()
        self.owing.update({(entry.sink, entry.event.position): entry for entry in entries})

    async def drop_owed(self, sink: str, positions: Sequence[int]) -> None:
        """Drop them."""
        self._writing()
        for position in positions:
            self.owing.pop((sink, position), None)

    def log_delivery(self, record: DeliveryRecord) -> None:
        """Keep it."""
        self.log.append(record)

    async def deliveries(
        self, *, sink: str | None = None, failed: bool = False, limit: int = 100
    ) -> list[DeliveryRecord]:
        """The log, latest first."""
        found = (
            record
            for record in reversed(self.log)
            if (sink is None or record.sink == sink) and not (failed and not record.error)
        )
        return list(found)[: max(0, limit)]

    async def delivery(self, id_or_event_id: str) -> list[DeliveryRecord]:
        """The latest attempt of each delivery that it names."""
        found = [each for each in self.log if id_or_event_id in (each.id, each.event_id)]
        return list({record.id: record for record in found}.values())

    def _add(self, events: Sequence[Event]) -> None:
        self.events.extend(events)
        if events:
            for callback in self._callbacks:
                callback()


def _stored(event: Event, position: int) -> StoredEvent:
    return StoredEvent(
        position=position,
        id=event.id,
        name=event.name,
        uid=event.uid,
        sequence=event.sequence,
        at=event.at,
        body=json_bytes(event.body()),
    )
