from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from repaintd.core.event import UPDATED, Event
from repaintd.core.state import BindingState
from repaintd.store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from repaintd.store import Store

HOUR = 3600.0
NEVER = 24 * HOUR


class HeldClock:
    def now(self) -> float:
        return 1_700_000_000.0

    def monotonic(self) -> float:
        return 1.0


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
def opened(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Store]]:
    """The store of this test; `flush_interval` is for ever unless a test says otherwise."""

    @asynccontextmanager
    async def open_it(
        directory: Path = tmp_path / "state", **settings: object
    ) -> AsyncIterator[Store]:
        values = {"clock": HeldClock(), "flush_interval": NEVER, "busy_timeout": 0.05, **settings}
        async with open_store(directory, **values) as store:
            yield store

    return open_it
