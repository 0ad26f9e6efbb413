"""The plugin."""

from __future__ import annotations

from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from repaintd.plugin import Components, SourceSpec, SpecModel
from repaintd_webhooks.settings import WebhookSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from repaintd.plugin import EventSink, PluginContext, Subscription


class Webhooks:
    """Implements `repaintd.plugin.Plugin`."""

    name: ClassVar[str] = "webhooks"
    settings_model: ClassVar[type[SpecModel]] = WebhookSettings
    source_specs: ClassVar[Mapping[str, type[SourceSpec]]] = MappingProxyType({})

    @asynccontextmanager
    async def open(
        self, settings: WebhookSettings, context: PluginContext
    ) -> AsyncIterator[Components]:
        """Serve sinks for subscriptions."""
        from repaintd_webhooks.sink import WebhookSink  # noqa: PLC0415 - only once it is needed

        policy = settings.policy()
        door = context.delivery_http or context.http

        def subscriber(subscription: Subscription) -> EventSink:
            return WebhookSink(subscription, policy, door, context.secret)

        yield Components(subscriber=subscriber)
