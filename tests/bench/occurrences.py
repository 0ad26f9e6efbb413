"""Bindings that were refreshed, without the refreshing: states and events for the real store."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import orjson

from bench.source_server import document
from repaintd.core.event import UPDATED, Event
from repaintd.core.state import BindingState

if TYPE_CHECKING:
    from repaintd.store import Store

VARIABLES: Final = orjson.loads(document(0))


def change(uid: str, number: int) -> tuple[BindingState, Event]:
    """What a new image of a binding would be recorded as.

    Args:
        number: of the binding's events, from 1.
    """
    now = time.time()
    variables = {**VARIABLES, "stargazers_count": number}
    state = BindingState(uid=uid, variables=variables, sequence=number, last_success_at=now)
    event = Event(
        id=f"evt_{uid}_{number:08}",
        name=UPDATED,
        uid=uid,
        sequence=number,
        at=now,
        data={"bindingId": uid, "previousData": VARIABLES, "newData": variables},
    )
    return state, event


async def happen(store: Store, uid: str, number: int) -> str:
    """Record a new image, durably; the id of its event."""
    state, event = change(uid, number)
    await store.commit(state, [event])
    return event.id
