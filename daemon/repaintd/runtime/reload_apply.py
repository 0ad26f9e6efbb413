"""Makes a new configuration the active one, binding by binding, in slices of the event loop.

What did not change is not touched: its entry, timer, validators, back-off and running refresh stay.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

from repaintd.core.state import BindingState
from repaintd.errors import StoreUnavailable
from repaintd.runtime.catalogue import Entry
from repaintd.runtime.reload_due import due_when_changed
from repaintd.runtime.resumption import first_due

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from repaintd.core.binding import Binding
    from repaintd.core.difference import BindingChange, Difference
    from repaintd.core.ports import Clock
    from repaintd.core.template import Template
    from repaintd.metrics import Metrics
    from repaintd.runtime.catalogue import Catalogue
    from repaintd.runtime.refresher import Refresher
    from repaintd.runtime.scheduler import Scheduler

SLICE: Final = 0.01
"""Seconds that the event loop waits for us at one time."""
PAUSE: Final = 0.001
"""Seconds that it then has for others: timers and sockets, too, which come after what is ready."""
TOGETHER: Final = 200
"""Bindings that are removed at one time."""
LAST_WORDS: Final = 15.0
"""Seconds that an interrupted refresh has to end: the disk may hold it."""


class Images(Protocol):
    """A directory of images."""

    def adopt(self, uid: str, filename: str) -> None:
        """Take a file for one that is ours."""

    async def remove(self, uid: str) -> None:
        """Remove every file of *uid*."""


class Store(Protocol):
    """What is asked of the state database."""

    def received(self) -> Mapping[str, int]:
        """How many triggers each binding got so far."""

    async def forget(self, uid: str) -> None:
        """Drop the state of a binding that is gone, and what triggers brought.

        Raises:
            StoreUnavailable: nothing was dropped.
        """


class Slices:
    """Lets the event loop answer others now and then: await it between two small pieces."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()

    async def __call__(self) -> None:
        """Go on, after a pause if one is due."""
        if self._clock.monotonic() - self._began >= SLICE:
            await asyncio.sleep(PAUSE)
            self._began = self._clock.monotonic()


class Applier:
    """Applies differences.

    Args:
        images: the stable files.
        defaults: what is drawn for `serve_default`.
        on_gone: called with the uid of each binding that is gone.
        shelf: states of bindings that are not configured and were kept all the same, by uid.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        scheduler: Scheduler,
        refresher: Refresher,
        store: Store,
        images: Images,
        defaults: Images,
        metrics: Metrics,
        clock: Clock,
        log: Any,
        on_gone: Callable[[str], None],
        shelf: dict[str, BindingState] | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._scheduler = scheduler
        self._refresher = refresher
        self._store = store
        self._images = images
        self._defaults = defaults
        self._metrics = metrics
        self._clock = clock
        self._log = log
        self._on_gone = on_gone
        self._shelf = {} if shelf is None else shelf
        self._unforgotten: set[str] = set()

    async def apply(
        self,
        difference: Difference,
        bindings: Mapping[str, Binding],
        templates: Mapping[str, Template],
    ) -> None:
        """Bring the catalogue to *bindings* and *templates*; doing it twice does it once."""
        await self._remove(difference.removed)
        await self._change(difference.changed, bindings, templates)
        await self._relocate(bindings)
        await self._add(difference.added, bindings, templates)
        if bindings:
            await self._clear_shelf()

    async def _change(
        self,
        changes: Sequence[BindingChange],
        bindings: Mapping[str, Binding],
        templates: Mapping[str, Template],
    ) -> None:
        pause, count = Slices(self._clock), sum(each.redrawn for each in changes)
        for change in changes:
            entry, binding = self._catalogue.entry(change.uid), bindings[change.uid]
            if entry is not None:
                self._reconfigure(entry, binding, templates[binding.template_id], count)
            await pause()

    def _reconfigure(self, entry: Entry, binding: Binding, template: Template, count: int) -> None:
        """A run under way plans what comes after it by itself (`Refresher.run`)."""
        uid, before = binding.uid, entry.binding
        entry.reconfigure(binding, template)
        if binding.paused:
            self._scheduler.remove(uid)
        elif self._scheduler.is_running(uid) and not before.paused:
            return
        due = due_when_changed(entry, before, self._clock.now(), count)
        if due is not None:
            entry.plan(due)
            self._scheduler.set(uid, due.at)

    async def _relocate(self, bindings: Mapping[str, Binding]) -> None:
        """Of all others, note where they stand now; what is equal is held once."""
        pause = Slices(self._clock)
        for uid, binding in bindings.items():
            entry = self._catalogue.entry(uid)
            if entry is not None and entry.binding is not binding:
                entry.relocate(binding)
            await pause()

    async def _add(
        self,
        uids: Sequence[str],
        bindings: Mapping[str, Binding],
        templates: Mapping[str, Template],
    ) -> None:
        if not uids:
            return
        now, received, pause = self._clock.now(), self._store.received(), Slices(self._clock)
        entries: list[Entry] = []
        for uid in uids:
            if self._catalogue.entry(uid) is None:
                binding = bindings[uid]
                state = self._shelf.pop(uid, None) or BindingState(uid=uid, created_at=now)
                template = templates[binding.template_id]
                entries.append(Entry(binding, template, state, received.get(uid, 0)))
            await pause()
        self._unforgotten.difference_update(uids)
        self._catalogue.change(add=entries)
        for entry in entries:
            due = first_due(entry, self._clock.now(), len(entries))
            entry.plan(due)
            self._scheduler.set(entry.binding.uid, due.at)
            await pause()

    async def _remove(self, uids: Sequence[str]) -> None:
        gone = {uid: entry for uid in uids if (entry := self._catalogue.entry(uid))}
        self._catalogue.change(remove=gone)
        for some in _parts(list(gone.values())):
            await asyncio.gather(*(self._clear(entry) for entry in some))
        for names in _parts([*gone, *self._unforgotten]):
            await asyncio.gather(*(self._forget(uid) for uid in names))

    async def _clear_shelf(self) -> None:
        """There are bindings again, and some that were kept for that are not among them."""
        for uids in _parts(list(self._shelf)):
            for uid in uids:
                await self._images.remove(uid)
                await self._defaults.remove(uid)
                del self._shelf[uid]
            await asyncio.gather(*(self._forget(uid) for uid in uids))

    async def _clear(self, entry: Entry) -> None:
        """Nothing of the binding is done any more, and no image of it is left."""
        uid = entry.binding.uid
        interrupted = self._scheduler.is_running(uid)
        if not await self._scheduler.stop(uid, LAST_WORDS):
            self._log.error("the refresh of a binding that is gone does not end", binding=uid)
        if interrupted:  # it may have put its image in place in its last moment
            for images in (self._images, self._defaults):
                images.adopt(uid, entry.binding.filename)
        await self._images.remove(uid)
        await self._defaults.remove(uid)
        self._refresher.forget(uid)
        self._metrics.forget(uid)
        self._on_gone(uid)

    async def _forget(self, uid: str) -> None:
        try:
            await self._store.forget(uid)
        except StoreUnavailable as error:
            say = self._log.debug if uid in self._unforgotten else self._log.warning
            self._unforgotten.add(uid)
            say("a binding that is gone is still remembered", binding=uid, error=str(error))
        else:
            self._unforgotten.discard(uid)


def _parts(things: Sequence[Any]) -> Iterator[Iterable[Any]]:
    for start in range(0, len(things), TOGETHER):
        yield things[start : start + TOGETHER]
