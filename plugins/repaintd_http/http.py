"""The plugin."""

from __future__ import annotations

from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from repaintd.plugin import Components, SourceSpec, SpecModel
from repaintd_http.spec import HttpSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from repaintd.plugin import PluginContext


class HttpSettings(SpecModel):
    """`plugins.http` of repaintd.yaml. There is nothing to set: limits are under `refresh`."""


class Http:
    """Implements `repaintd.plugin.Plugin`."""

    name: ClassVar[str] = "http"
    settings_model: ClassVar[type[SpecModel]] = HttpSettings
    source_specs: ClassVar[Mapping[str, type[SourceSpec]]] = MappingProxyType({"http": HttpSpec})

    @asynccontextmanager
    async def open(
        self,
        settings: HttpSettings,  # noqa: ARG002 - there are none yet
        context: PluginContext,
    ) -> AsyncIterator[Components]:
        """Serve sources of type `http`."""
        from repaintd_http.source import HttpSource  # noqa: PLC0415 - only once it is needed

        yield Components(sources={"http": HttpSource(context.http, context.secret)})
