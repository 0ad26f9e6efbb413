"""The plugin."""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from repaintd.plugin import Components, Finding, PluginError, SourceSpec, SpecModel
from repaintd_mqtt.settings import MqttSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from repaintd.plugin import PluginContext

_REMEDY: Final = "pip install 'repaintd[mqtt]'"


class Mqtt:
    """Implements `repaintd.plugin.Plugin` and `Diagnosable`."""

    name: ClassVar[str] = "mqtt"
    settings_model: ClassVar[type[SpecModel]] = MqttSettings
    source_specs: ClassVar[Mapping[str, type[SourceSpec]]] = MappingProxyType({})

    @asynccontextmanager
    async def open(
        self, settings: MqttSettings, context: PluginContext
    ) -> AsyncIterator[Components]:
        """Serve the sink; it connects once its work begins, and waits for a broker that is away.

        Raises:
            PluginError: the package aiomqtt is not installed.
        """
        if find_spec("aiomqtt") is None:
            raise PluginError(f"the package aiomqtt is not installed: {_REMEDY}")
        if context.host is None:  # no daemon runs, so there is nothing to tell of
            yield Components()
            return
        from repaintd_mqtt.assembly import (  # noqa: PLC0415 - heavy: who has no broker pays nothing
            assembled,
        )

        with assembled(settings, context, context.host) as sink:
            yield Components(sinks={"": sink})

    async def diagnose(self, settings: MqttSettings, context: PluginContext) -> list[Finding]:
        """Connect once, beside the daemon that may be running."""
        if find_spec("aiomqtt") is None:
            missing = "the package aiomqtt is not installed"
            return [Finding(check="MQTT broker", ok=False, detail=missing, remedy=_REMEDY)]
        from repaintd_mqtt.diagnose import examine  # noqa: PLC0415 - the same

        return [await examine(settings, context.secret)]
