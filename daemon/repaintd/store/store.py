"""The store as the rest of the daemon sees it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from repaintd.core.run import kept
from repaintd.store.codec import encode_state, json_bytes
from repaintd.store.delivery import entry_row
from repaintd.store.event import event_row
from repaintd.store.inbox import names
from repaintd.store.write import Announcement, OutboxChange, Write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from repaintd.core.delivery import DeliveryRecord, OutboxEntry, SinkRecord
    from repaintd.core.event import Event, StoredEvent
    from repaintd.core.intake import Accepted, Intake
    from repaintd.core.run import Run
    from repaintd.core.state import BindingState
    from repaintd.store.contents import Contents
    from repaintd.store.reader import Reader
    from repaintd.store.writer import Writer


class Store:
    """Implements `StateStore`, `Inbox`, `EventLog` and `Outbox` of `repaintd.core.ports`.

    Made by `open_store`. What is written is durable when its method returns, unless that method
    does not wait. A caller that is cancelled, or told that the disk did not answer in time, may
    find its write done all the same.
    """

    def __init__(self, contents: Contents, *, writer: Writer, reader: Reader) -> None:
        self._states: dict[str, BindingState] | None = contents.states
        self._live = contents.live
        self._writer = writer
        self._reader = reader

    @property
    def write_errors(self) -> int:
        """Transactions that failed since the start."""
        return self._writer.errors

    def states(self) -> dict[str, BindingState]:
        """All states as read at the start, handed over: the store keeps no copy.

        Raises:
            RuntimeError: they were handed over before.
        """
        if self._states is None:
            raise RuntimeError("the states were handed over already; the caller owns them")
        states, self._states = self._states, None
        return states

    def received(self) -> dict[str, int]:
        """How many triggers each binding got so far, those without any left out; a copy."""
        return dict(self._live.received)

    async def commit(self, state: BindingState, events: Sequence[Event] = ()) -> None:
        """Write both in one transaction; durable on return.

        Raises:
            StoreUnavailable: nothing of it was written.
            TypeError: the state or an event holds something that is no JSON value.
        """
        blob, rows = encode_state(state), [event_row(event) for event in events]
        await self._writer.write(Write(uid=state.uid, blob=blob, events=rows))

    def note(self, state: BindingState) -> None:
        """Write it with the next batch, for polls that changed nothing: never fails or waits."""
        self._writer.note(state)

    def log_run(self, uid: str, run: Run) -> None:
        """Write it with the next commit or note of its binding: never fails or waits."""
        self._writer.runs.add(uid, run)

    async def runs(self, uid: str) -> list[Run]:
        """What is kept of the runs of a binding, oldest first, what waits to be written included.

        Raises:
            StoreUnavailable: they cannot be read just now.
        """
        written = await self._reader.runs(uid)
        return kept([*written, *(run for _uid, run in self._writer.runs.of([uid]))])

    async def forget(self, uid: str) -> None:
        """Drop the state of a binding that is gone, its runs and triggers; its events stay.

        Raises:
            StoreUnavailable: nothing was dropped.
        """
        await self._writer.write(Write(uid=uid))

    async def probe(self) -> None:
        """Write one row in a transaction of its own kind, to prove that writing works now.

        Raises:
            StoreUnavailable: it does not, and why.
        """
        await self._writer.write(Write(probe=True))

    async def accept(self, intake: Intake) -> Accepted:
        """Make a trigger durable, its data merged into the document in the same transaction.

        Raises:
            DocumentRefused: the data does not fit the document; nothing was written.
            StoreUnavailable: nothing was written; at once when too many others wait.
        """
        write = Write(intake=intake, names=names(intake))
        return cast("Accepted", await self._writer.write_now_or_never(write))

    async def document(self, uid: str) -> bytes | None:
        """The data pushed to a binding so far, as JSON; None before the first payload.

        Raises:
            StoreUnavailable: it cannot be read just now.
        """
        return await self._reader.document(uid)

    @property
    def latest(self) -> int:
        """Position of the latest event that is durable; 0 before the first."""
        return self._live.latest

    async def events(self, after: int = 0, limit: int = 100) -> list[StoredEvent]:
        """Events of all bindings behind the cursor *after*, oldest first, 1,000 at most.

        Raises:
            StoreUnavailable: they cannot be read just now.
        """
        return await self._reader.events(after, limit)

    async def position_of(self, event_id: str) -> int | None:
        """Where the event with that id stands; None when it is not kept (any more).

        Raises:
            StoreUnavailable: it cannot be read just now.
        """
        return await self._reader.position_of(event_id)

    def on_events(self, callback: Callable[[], None]) -> None:
        """Call *callback* in the event loop whenever new events have become durable."""
        self._writer.on_events.append(callback)

    async def announce(self, name: str, data: Mapping[str, Any]) -> Event:
        """Write an event of the daemon itself, with the next sequence number.

        Raises:
            StoreUnavailable: it was not written.
            TypeError: *data* holds something that is no JSON value.
        """
        json_bytes(data)
        announcement = Announcement(name=name, data=dict(data))
        return cast("Event", await self._writer.write(Write(announcement=announcement)))

    def sinks(self) -> Mapping[str, SinkRecord]:
        """The sinks by name, as last written or noted; a view that changes with them."""
        return MappingProxyType(self._live.sinks)

    async def keep_sink(self, record: SinkRecord) -> None:
        """Write it, with its cursor as it is, though it be behind.

        Raises:
            StoreUnavailable: it was not written.
        """
        await self._change(OutboxChange(record=record))

    def note_cursor(self, sink: str, cursor: int) -> None:
        """Write it within a second, if it is ahead of the last: never fails or waits."""
        self._writer.note_cursor(sink, cursor)

    async def forget_sink(self, sink: str) -> None:
        """Drop a sink that is gone, what it owes and its delivery log.

        Raises:
            StoreUnavailable: nothing was dropped.
        """
        await self._change(OutboxChange(gone=sink))

    async def owed(self, sink: str) -> list[OutboxEntry]:
        """All entries of a sink, dead letters among them, by position.

        Raises:
            StoreUnavailable: they cannot be read just now.
        """
        return await self._reader.owed(sink)

    async def keep_owed(self, entries: Sequence[OutboxEntry]) -> None:
        """Write entries, replacing those of the same sink and position, in one transaction.

        Of each sink's dead letters the latest 10,000 are kept.

        Raises:
            StoreUnavailable: nothing was written.
        """
        await self._change(OutboxChange(keep=[entry_row(entry) for entry in entries]))

    async def drop_owed(self, sink: str, positions: Sequence[int]) -> None:
        """Remove entries.

        Raises:
            StoreUnavailable: nothing was removed.
        """
        await self._change(OutboxChange(drop=[(sink, position) for position in positions]))

    def log_delivery(self, record: DeliveryRecord) -> None:
        """Add a line to the delivery log within a second; the latest 1,000 of a sink are kept."""
        self._writer.log_delivery(record)

    async def deliveries(
        self, *, sink: str | None = None, failed: bool = False, limit: int = 100
    ) -> list[DeliveryRecord]:
        """The delivery log, latest first, 1,000 at most; *failed* for failed attempts alone.

        Raises:
            StoreUnavailable: it cannot be read just now.
        """
        return await self._reader.deliveries(sink, limit, failed=failed)

    async def delivery(self, id_or_event_id: str) -> list[DeliveryRecord]:
        """The latest attempt of the delivery with that id, or of all deliveries of that event.

        Raises:
            StoreUnavailable: it cannot be read just now.
        """
        return await self._reader.delivery(id_or_event_id)

    async def _change(self, change: OutboxChange) -> None:
        await self._writer.write(Write(change=change))
