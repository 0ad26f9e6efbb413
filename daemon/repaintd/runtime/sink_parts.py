"""What every sink's runner works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.core.event import StoredEvent
    from repaintd.core.ports import Clock, EventLog, EventSink, Outbox
    from repaintd.metrics import Metrics
    from repaintd.runtime.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkParts:
    """The collaborators of one sink's delivery.

    Attributes:
        name: of the sink: `plugin`, or `plugin/subscription`.
        log: a structlog logger that names the sink.
        dice: gives random numbers in [0, 1).
    """

    name: str
    sink: EventSink
    history: History
    outbox: Outbox
    events: EventLog
    metrics: Metrics
    clock: Clock
    log: Any
    dice: Callable[[], float]


class SinkRunner(Protocol):
    """Delivers to one sink."""

    async def open(self, born_at: int) -> None:
        """Take over what is remembered of the sink.

        Args:
            born_at: where a sink that nothing is remembered of begins.
        """

    async def serve(self) -> None:
        """Deliver until cancelled. Run it as a named task, after `open`."""

    def gauge(self) -> None:
        """Tell how much is still to be delivered."""

    def poke(self) -> None:
        """Look again whether the sink is held."""

    def stop(self) -> None:
        """Begin no more attempts."""

    async def idle(self) -> None:
        """Wait until no attempt is under way."""

    async def resume(self) -> None:
        """Make a sink active again if it was given up.

        Raises:
            StoreUnavailable: nothing was changed.
        """

    async def replay(self, event: StoredEvent) -> bool:
        """Deliver it (once more); False when this sink cannot, or has no business with it.

        Raises:
            StoreUnavailable: nothing was changed.
        """
