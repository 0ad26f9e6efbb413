"""Writes the events of the freshness contract, between the runs of a binding."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from repaintd.core.health import Stamp
from repaintd.core.staleness_event import tell
from repaintd.core.status import image_url
from repaintd.errors import StoreUnavailable

if TYPE_CHECKING:
    from repaintd.core.ports import Clock, StateStore
    from repaintd.metrics import Metrics
    from repaintd.runtime.catalogue import Entry
    from repaintd.runtime.run_words import RunWords


class FreshnessTeller:
    """Tells receivers that data has become too old, and that it is not any more.

    Such an event takes the binding's next sequence number, as those of a run do: the two never
    happen at once. Who begins a run waits until it is `over`; nobody tells while a run is under
    way, but for the run itself.

    Attributes:
        busy: bindings of which something is being told.
    """

    def __init__(
        self, *, store: StateStore, metrics: Metrics, clock: Clock, words: RunWords, public_url: str
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._words = words
        self._public_url = public_url
        self.busy: dict[str, asyncio.Event] = {}

    async def over(self, uid: str) -> None:
        """Wait until nothing is being told of *uid*."""
        while (telling := self.busy.get(uid)) is not None:
            await telling.wait()

    async def tell(self, entry: Entry) -> None:
        """Tell what is to be told, if anything; where the database refuses, somebody comes again.

        What else changes in the entry meanwhile stands.
        """
        binding, uid = entry.binding, entry.binding.uid
        stamp = Stamp(now=self._clock.now(), render_url=image_url(self._public_url, binding))
        settled = tell(binding, entry.state, stamp)
        if settled is None or settled.event is None or uid in self.busy:
            return
        state, event = settled.state, settled.event
        self.busy[uid] = asyncio.Event()
        try:
            await self._store.commit(state, [event])
        except StoreUnavailable:
            return  # the store has said so aloud
        finally:
            self.busy.pop(uid).set()
        entry.state = replace(entry.state, sequence=state.sequence, stale_since=state.stale_since)
        self._metrics.count_event(event.name)
        self._words.event(event)
