"""A daemon's delivery without the daemon: one store, some sinks, any number of lives."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import CollectorRegistry

from repaintd.core.event import UPDATED, Event
from repaintd.core.state import BindingState
from repaintd.metrics import Metrics
from repaintd.runtime.deliveries import Deliveries
from repaintd.runtime.history import History
from repaintd.testing.store import MemoryStore
from repaintd.testing.virtual_time import VirtualClock, settled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from repaintd.core.ports import EventSink


class DeliveryWorld:
    """Events happen, and sinks are told, in lives that follow one another on the same store.

    Attributes:
        sinks: what each life begins with, by name.
        deliveries: of the present life.
        history: of the present life.
        metrics: of the present life.
    """

    deliveries: Deliveries
    history: History

    def __init__(
        self, store: Any = None, *, dice: Callable[[], float] = lambda: 0.5, **history: Any
    ) -> None:
        self.clock = VirtualClock()
        self.store = store if store is not None else MemoryStore(self.clock)
        self.sinks: dict[str, EventSink] = {}
        self._dice = dice
        self._history = history
        self._counts: Counter[str] = Counter()
        self._registry = CollectorRegistry()
        self.metrics = Metrics(self._registry, version="0")

    async def happen(self, uid: str, *, name: str = UPDATED, times: int = 1) -> None:
        """Let events of a binding become durable, in one transaction."""
        first = self._counts[uid] + 1
        self._counts[uid] += times
        events = [
            Event(
                id=f"evt_{uid}_{n}",
                name=name,
                uid=uid,
                sequence=n,
                at=self.clock.now(),
                data={"uid": uid, "sequence": n},
            )
            for n in range(first, first + times)
        ]
        await self.store.commit(BindingState(uid=uid), events)

    @asynccontextmanager
    async def life(self) -> AsyncIterator[Deliveries]:
        """Start all over, and end as a kill would: nothing more is written."""
        self._registry = CollectorRegistry()
        self.metrics = Metrics(self._registry, version="0")
        log = structlog.get_logger()
        self.history = History(self.store, log=log, dice=self._dice, **self._history)
        self.deliveries = Deliveries(
            history=self.history,
            outbox=self.store,
            events=self.store,
            metrics=self.metrics,
            clock=self.clock,
            log=log,
            dice=self._dice,
        )
        for name, sink in self.sinks.items():
            self.deliveries.add(name, sink)
        tasks = [
            asyncio.create_task(self.history.serve(), name="history"),
            asyncio.create_task(self.deliveries.serve(), name="deliveries"),
        ]
        await settled()
        try:
            yield self.deliveries
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        bugs = [each for each in outcomes if not isinstance(each, asyncio.CancelledError)]
        if bugs:
            raise AssertionError(f"tasks ended by themselves: {bugs!r}")

    def metric(self, name: str, **labels: str) -> float | None:
        """Of the present life; None where there is no such series."""
        return self._registry.get_sample_value(f"repaintd_{name}", labels)
