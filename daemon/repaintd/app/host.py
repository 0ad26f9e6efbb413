"""The running daemon as its plugins see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from repaintd.core.status import image_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from repaintd.core.binding import Binding
    from repaintd.core.view import Bindings, Gallery, View


class Refreshes(Protocol):
    """Takes manual triggers."""

    async def trigger(self, uid: str) -> bool:
        """Trigger durably; False when there is no such binding, or it is paused."""


class DaemonHost:
    """Implements `plugin.Host`. Plugins are open before there is anything to trigger."""

    def __init__(self, bindings: Bindings, images: Gallery, public_url: str) -> None:
        self._bindings = bindings
        self._images = images
        self._public_url = public_url
        self._refreshes: Refreshes | None = None

    def connect(self, refreshes: Refreshes) -> None:
        """Take triggers from now on."""
        self._refreshes = refreshes

    def get(self, uid: str) -> View | None:
        """The binding with that uid."""
        return self._bindings.get(uid)

    def all(self) -> Iterable[View]:
        """Every binding, ordered by uid."""
        return self._bindings.all()

    def image_url(self, binding: Binding) -> str:
        """The stable URL of the binding's image."""
        return image_url(self._public_url, binding)

    async def image(self, uid: str) -> bytes | None:
        """The published image; None where there is none."""
        view = self._bindings.get(uid)
        if view is None or view.state.image is None:
            return None
        served = await self._images.read(view.binding.filename)
        return None if served is None else served.body

    async def refresh(self, uid: str) -> bool:
        """Trigger a refresh; False too while the daemon starts."""
        return self._refreshes is not None and await self._refreshes.trigger(uid)
