"""Draws templates in a Chromium that has no network and is replaced when in doubt."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

from repaintd.plugin import Components, PluginContext, SourceSpec, SpecModel
from repaintd_chromium.settings import ChromiumSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from repaintd.plugin import Finding

__all__ = ["Chromium", "ChromiumSettings"]


class Chromium:
    """The plugin `chromium`."""

    name: ClassVar[str] = "chromium"
    settings_model: ClassVar[type[SpecModel]] = ChromiumSettings
    source_specs: ClassVar[Mapping[str, type[SourceSpec]]] = {}

    @asynccontextmanager
    async def open(
        self, settings: ChromiumSettings, context: PluginContext
    ) -> AsyncIterator[Components]:
        """Serve the renderer `chromium` until left; on entry a browser runs and has drawn.

        Raises:
            PluginError: there is no browser, it does not start, or it cannot be locked in.
        """
        from repaintd_chromium import (  # noqa: PLC0415 - heavy: only a daemon that draws pays
            assembly,
        )

        recipe = await assembly.choose(settings, context)
        async with assembly.assembled(recipe, context) as renderer:
            yield Components(renderers={self.name: renderer})

    async def diagnose(self, settings: ChromiumSettings, context: PluginContext) -> list[Finding]:
        """What works here, for `repaintd doctor`."""
        from repaintd_chromium import diagnose  # noqa: PLC0415 - see above

        return await diagnose.examine(context, lambda: self.open(settings, context))
