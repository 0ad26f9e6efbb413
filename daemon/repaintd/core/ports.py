"""The seams between the pure core and the world: what others implement for it.

Cancellation: every coroutine here may be cancelled at any await and then leaves nothing half-done.
Errors: only those named; anything else is a bug and is reported as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from repaintd.core.binding import Binding
    from repaintd.core.delivery import (
        Delivered,
        DeliveryPolicy,
        DeliveryRecord,
        OutboxEntry,
        SinkRecord,
    )
    from repaintd.core.event import Event, StoredEvent
    from repaintd.core.fetch import FetchRequest, FetchResult
    from repaintd.core.image import PublishedImage, RenderedImage, RenderJob
    from repaintd.core.intake import Accepted, Intake
    from repaintd.core.state import BindingState
    from repaintd.core.template import Template


class Clock(Protocol):
    """Time, so that tests can hold it."""

    def now(self) -> float:
        """Seconds since the epoch, UTC: for facts."""

    def monotonic(self) -> float:
        """Seconds that never jump: for intervals."""


class Source(Protocol):
    """Reads one kind of data source."""

    async def fetch(self, request: FetchRequest) -> FetchResult:
        """Ask once, within `request.timeout`.

        Raises:
            FetchFailed: the data could not be had; `retry_after` as the other side asked.
        """


class TemplateEngine(Protocol):
    """Puts variables into a template's markup."""

    async def expand(self, template: Template, variables: Mapping[str, Any]) -> str:
        """The finished markup, within the engine's own limits of time, memory and size.

        Raises:
            RenderFailed: with line and source excerpt.
        """


class Renderer(Protocol):
    """Draws finished markup."""

    async def render(self, job: RenderJob) -> RenderedImage:
        """Draw once.

        Raises:
            RenderFailed: the markup, the time limit or the renderer itself.
        """

    async def probe(self) -> None:
        """Draw something tiny, to prove that drawing works now.

        Raises:
            RenderFailed: it does not, and why.
        """


class Publisher(Protocol):
    """Puts images in place, whole or not at all (DESIGN 2.4)."""

    async def publish(self, binding: Binding, image: RenderedImage) -> PublishedImage:
        """Replace the stable file if its bytes differ.

        Raises:
            PublishFailed: the old file is still whole and in place.
        """

    async def remove(self, uid: str, keep: str | None = None) -> None:
        """Remove every file published for *uid*, but for the one named *keep*."""


class StateStore(Protocol):
    """Keeps states and events through crashes and power loss."""

    async def commit(self, state: BindingState, events: Sequence[Event] = ()) -> None:
        """Write both in one transaction; durable on return.

        Raises:
            StoreUnavailable: nothing of it was written.
        """

    def note(self, state: BindingState) -> None:
        """Write it with the next batch, for polls that changed nothing: never fails or waits."""

    async def forget(self, uid: str) -> None:
        """Drop the state of a binding that is gone; its events stay."""


class Inbox(Protocol):
    """Keeps accepted triggers, and the documents that came with them, through crashes."""

    async def accept(self, intake: Intake) -> Accepted:
        """Make it durable. Its data is merged into the document in the same transaction.

        Raises:
            DocumentRefused: the data does not fit the document; nothing was written.
            StoreUnavailable: nothing was written.
        """

    async def document(self, uid: str) -> bytes | None:
        """The document as JSON; None before the first payload.

        Raises:
            StoreUnavailable: it cannot be read just now.
        """


class EventLog(Protocol):
    """The durable history of events, oldest first; a bounded number of them is kept."""

    @property
    def latest(self) -> int:
        """Position of the latest event that is durable; 0 before the first."""

    async def events(self, after: int = 0, limit: int = 100) -> list[StoredEvent]:
        """Events behind the cursor *after*, oldest first, 1,000 at most.

        Raises:
            StoreUnavailable: they cannot be read just now.
        """

    async def position_of(self, event_id: str) -> int | None:
        """Where the event with that id stands; None when it is not kept (any more).

        Raises:
            StoreUnavailable: it cannot be read just now.
        """

    def on_events(self, callback: Callable[[], None]) -> None:
        """Call *callback* in the event loop whenever new events have become durable."""

    async def announce(self, name: str, data: Mapping[str, Any]) -> Event:
        """Write an event of the daemon itself (`uid` ""), with the next sequence number.

        Raises:
            StoreUnavailable: it was not written.
        """


class Outbox(Protocol):
    """What is remembered of deliveries, for all sinks."""

    def sinks(self) -> Mapping[str, SinkRecord]:
        """The sinks by name, as they are remembered now."""

    async def keep_sink(self, record: SinkRecord) -> None:
        """Write it, durably.

        Raises:
            StoreUnavailable: it was not written.
        """

    def note_cursor(self, sink: str, cursor: int) -> None:
        """Write it soon, with the next batch: never fails or waits.

        What a crash loses of it is delivered once more.
        """

    async def forget_sink(self, sink: str) -> None:
        """Drop all that is remembered of a sink that is gone.

        Raises:
            StoreUnavailable: nothing was dropped.
        """

    async def owed(self, sink: str) -> list[OutboxEntry]:
        """All entries of a sink, dead letters among them, by position.

        Raises:
            StoreUnavailable: they cannot be read just now.
        """

    async def keep_owed(self, entries: Sequence[OutboxEntry]) -> None:
        """Write entries, replacing those of the same sink and position, in one transaction.

        Raises:
            StoreUnavailable: nothing was written.
        """

    async def drop_owed(self, sink: str, positions: Sequence[int]) -> None:
        """Remove entries.

        Raises:
            StoreUnavailable: nothing was removed.
        """

    def log_delivery(self, record: DeliveryRecord) -> None:
        """Add a line to the delivery log soon; the latest of each sink are kept."""

    async def deliveries(
        self, *, sink: str | None = None, failed: bool = False, limit: int = 100
    ) -> list[DeliveryRecord]:
        """The delivery log, latest first; *failed* for attempts that did not succeed alone.

        Raises:
            StoreUnavailable: it cannot be read just now.
        """

    async def delivery(self, id_or_event_id: str) -> list[DeliveryRecord]:
        """The latest attempt of the delivery with that id, or of all deliveries of that event.

        Raises:
            StoreUnavailable: it cannot be read just now.
        """


class EventSink(Protocol):
    """Tells one receiver of events. The daemon sees to order, retries and what is remembered."""

    @property
    def policy(self) -> DeliveryPolicy:
        """How the daemon delivers to it."""

    @property
    def fingerprint(self) -> str:
        """Of its definition: a changed one makes a sink active again that was given up."""

    @property
    def held(self) -> bool:
        """Whether nothing is to be attempted for now (a paused subscription); events wait."""

    def wants(self, event: StoredEvent) -> bool:
        """Whether the receiver is to be told of it; cheap, never fails."""

    async def deliver(self, event: StoredEvent) -> Delivered:
        """Tell it once, within `policy.timeout`.

        Raises:
            DeliveryFailed: it was not told, or nobody knows.
        """
