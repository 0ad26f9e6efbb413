"""The listener, connected to what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repaintd import __version__
from repaintd.runtime.explaining import Explainer
from repaintd.web import Surface, create_app, open_listener

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AsyncExitStack

    from repaintd.app.health import DaemonHealth
    from repaintd.app.parts import Parts, Turning
    from repaintd.app.reloading import ReloadSurface
    from repaintd.core.delivery import DeliveryRecord
    from repaintd.core.event import StoredEvent
    from repaintd.web import Listener


async def open_surface(
    stack: AsyncExitStack,
    parts: Parts,
    health: DaemonHealth,
    turning: Turning | None = None,
    reload: ReloadSurface | None = None,
) -> Listener:
    """Listen.

    Raises:
        StartupFailed: the address cannot be had.
    """
    server = parts.configuration.settings.server
    surface = Surface(
        bindings=parts.catalogue,
        images=parts.images,
        defaults=parts.defaults,
        clock=parts.clock,
        metrics=parts.metrics,
        health=health,
        first_image=parts.refresher,
        version=__version__,
        started_at=parts.clock.now(),
        public_url=server.public_url.rstrip("/"),
        placeholder=server.placeholder,
        keys=parts.keys,
        intake=turning.intakes if turning else None,
        events=_Events(parts),
        deliveries=_Deliveries(parts),
        explainer=Explainer(
            catalogue=parts.catalogue,
            refresher=parts.refresher,
            store=parts.store,
            clock=parts.clock,
        ),
        reload=reload,
        declared=reload.declared if reload else None,
        secret=parts.secret,
        max_document_bytes=parts.configuration.settings.refresh.max_bytes,
    )
    listener = await stack.enter_async_context(
        open_listener(create_app(surface), server.host, server.port)
    )
    parts.own_listener.listens(listener.host, listener.port)
    return listener


class _Events:
    """Implements `web.Events`: the latest from memory, ids from the database."""

    def __init__(self, parts: Parts) -> None:
        self._history = parts.history
        self._store = parts.store

    @property
    def latest(self) -> int:
        return self._history.latest

    async def read(self, after: int, /, limit: int = 100) -> Sequence[StoredEvent]:
        return await self._history.read(after, limit)

    async def wait(self, after: int, /) -> None:
        await self._history.wait(after)

    async def position_of(self, event_id: str, /) -> int | None:
        return await self._store.position_of(event_id)


class _Deliveries:
    """Implements `web.Deliveries`: the log from the database, the rest from whoever delivers."""

    def __init__(self, parts: Parts) -> None:
        self._store = parts.store
        self._deliveries = parts.deliveries

    async def deliveries(
        self, *, sink: str | None = None, failed: bool = False, limit: int = 100
    ) -> Sequence[DeliveryRecord]:
        return await self._store.deliveries(sink=sink, failed=failed, limit=limit)

    async def replay(self, name: str, /) -> int:
        return await self._deliveries.replay(name)

    async def resume(self, sink: str, /) -> bool:
        return await self._deliveries.resume(sink)
