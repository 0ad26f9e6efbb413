from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from repaintd.core.delivery import DeliveryRecord, OutboxEntry, SinkRecord, delivery_id
from repaintd.core.event import UPDATED, Event, StoredEvent
from repaintd.core.intake import Intake, Push
from repaintd.core.state import BindingState, Trigger
from repaintd.store import open_store
from repaintd.testing import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from repaintd.store import Store

HOUR = 3600.0
NEVER = 24 * HOUR


class HeldClock:
    def __init__(self) -> None:
        self.at = 1_700_000_000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return 1.0


@pytest.fixture
def clock() -> HeldClock:
    """The clock of this test's stores."""
    return HeldClock()


@pytest.fixture
def make_state() -> Callable[..., BindingState]:
    def make(uid: str = "card", **changes: object) -> BindingState:
        return BindingState(uid=uid, **changes)

    return make


@pytest.fixture
def make_event() -> Callable[..., Event]:
    def make(sequence: int = 1, uid: str = "card", **changes: object) -> Event:
        values = {"id": f"evt_{uid}_{sequence}", "name": UPDATED, "at": 1_700_000_000.5, "data": {}}
        return Event(uid=uid, sequence=sequence, **{**values, **changes})

    return make


@pytest.fixture
def opened(tmp_path: Path, clock: HeldClock) -> Callable[..., AbstractAsyncContextManager[Store]]:
    """The store of this test; `flush_interval` is for ever unless a test says otherwise."""

    @asynccontextmanager
    async def open_it(
        directory: Path = tmp_path / "state", **settings: object
    ) -> AsyncIterator[Store]:
        values = {"clock": clock, "flush_interval": NEVER, "busy_timeout": 0.05, **settings}
        async with open_store(directory, **values) as store:
            yield store

    return open_it


@pytest.fixture(params=["sqlite", "memory"])
async def either(request, opened, clock) -> AsyncIterator[Store | MemoryStore]:
    """The real store, and the one that others test with: both keep the promises of the ports."""
    if request.param == "memory":
        yield MemoryStore(clock)
    else:
        async with opened() as store:
            yield store


@pytest.fixture
def make_intake() -> Callable[..., Intake]:
    numbers = iter(range(1, 1_000_000))

    def make(uid: str = "card", *seen: str, push: Push | bytes | None = None) -> Intake:
        return Intake(
            uid=uid,
            refresh_id=f"ref_{next(numbers)}",
            trigger=Trigger.WEBHOOK,
            at=1_700_000_000.5,
            seen=seen,
            push=Push(payload=push) if isinstance(push, bytes) else push,
        )

    return make


@pytest.fixture
def make_sink() -> Callable[..., SinkRecord]:
    def make(name: str = "mqtt", cursor: int = 0, **changes: object) -> SinkRecord:
        return SinkRecord(name=name, cursor=cursor, **changes)

    return make


@pytest.fixture
def make_entry() -> Callable[..., OutboxEntry]:
    def make(position: int = 1, sink: str = "mqtt", **changes: object) -> OutboxEntry:
        event = StoredEvent(
            position=position, id=f"evt_{position}", name=UPDATED, uid="card", sequence=position,
            at=1.5, body=b"{}",
        )  # fmt: skip
        return OutboxEntry(sink=sink, event=event, **changes)

    return make


@pytest.fixture
def make_line() -> Callable[..., DeliveryRecord]:
    def make(number: int = 1, sink: str = "mqtt", **changes: object) -> DeliveryRecord:
        values = {
            "id": delivery_id(sink, f"evt_{number}"), "event_id": f"evt_{number}",
            "event": UPDATED, "uid": "card", "position": number, "attempt": 1, "at": 1.5,
            "status": 200, "seconds": 0.25, **changes,
        }  # fmt: skip
        return DeliveryRecord(sink=sink, **values)

    return make
