"""The listener, connected to what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repaintd import __version__
from repaintd.web import Surface, create_app, open_listener

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from repaintd.app.health import DaemonHealth
    from repaintd.app.parts import Parts
    from repaintd.web import Listener


async def open_surface(stack: AsyncExitStack, parts: Parts, health: DaemonHealth) -> Listener:
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
    )
    listener = open_listener(create_app(surface), server.host, server.port)
    return await stack.enter_async_context(listener)
