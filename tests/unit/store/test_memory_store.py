from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from repaintd.core.event import WEBHOOK_DISABLED
from repaintd.errors import StoreUnavailable
from repaintd.testing import MemoryStore

if TYPE_CHECKING:
    from repaintd.core.ports import EventLog, Inbox, Outbox, StateStore
    from repaintd.store import Store


def test_both_stores_implement_the_ports(opened):
    def check(either: Store | MemoryStore) -> tuple[StateStore, Inbox, EventLog, Outbox]:
        return either, either, either, either

    assert check(MemoryStore())


async def test_a_failure_makes_every_write_fail(
    make_state, make_intake, make_sink, make_entry, make_event
):
    store = MemoryStore()
    await store.commit(make_state(), [make_event()])
    store.failure = StoreUnavailable("disk full")
    for attempt in (
        store.commit(make_state()),
        store.forget("card"),
        store.accept(make_intake()),
        store.announce(WEBHOOK_DISABLED, {}),
        store.keep_sink(make_sink()),
        store.forget_sink("mqtt"),
        store.keep_owed([make_entry()]),
        store.drop_owed("mqtt", [1]),
    ):
        with pytest.raises(StoreUnavailable):
            await attempt
    assert len(await store.events()) == 1
    assert dict(store.sinks()) == store.received() == {}


async def test_reading_events_can_be_made_to_fail():
    store = MemoryStore()
    store.events.failure = StoreUnavailable("disk full")
    with pytest.raises(StoreUnavailable):
        await store.events()
