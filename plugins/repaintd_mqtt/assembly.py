"""Puts the parts of the plugin together; the only file that knows them all."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from repaintd_mqtt.backoff import Backoff
from repaintd_mqtt.commands import Commands
from repaintd_mqtt.images import Images
from repaintd_mqtt.incoming import Incoming
from repaintd_mqtt.link import Link
from repaintd_mqtt.metrics import registered
from repaintd_mqtt.mirror import Mirror
from repaintd_mqtt.notices import Notices
from repaintd_mqtt.session import ACKNOWLEDGED_WITHIN
from repaintd_mqtt.settings import HomeAssistantSettings
from repaintd_mqtt.sink import TIMEOUT, MqttSink
from repaintd_mqtt.state_size import StateSize
from repaintd_mqtt.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from repaintd.plugin import Host, PluginContext
    from repaintd_mqtt.settings import MqttSettings


@contextmanager
def assembled(
    settings: MqttSettings,
    context: PluginContext,
    host: Host,
    *,
    backoff: Backoff | None = None,
    within: float = ACKNOWLEDGED_WITHIN,
    timeout: float = TIMEOUT,
) -> Iterator[MqttSink]:
    """The sink; nothing connects before its `work` begins.

    Args:
        settings: of the plugin.
        context: what the daemon handed over.
        host: the daemon, which is there for certain.
        backoff: between connections.
        within: seconds that the broker may take to acknowledge one message.
        timeout: seconds that one attempt to deliver an event may take.
    """
    devices = settings.home_assistant or HomeAssistantSettings()
    topics = Topics(settings.prefix, devices.prefix)
    commands = Commands(host, context.log)
    images = Images(host, topics, context.log, enabled=settings.images)
    size = StateSize(context.log)
    notices = Notices(host, topics, images, settings.home_assistant, size)
    with registered(context.registry) as metrics:
        mirror = Mirror(host, lambda: link, notices, context.log)
        link = Link(
            settings,
            context,
            topics,
            metrics=metrics,
            backoff=backoff or Backoff(),
            on_message=Incoming(topics, commands, mirror).take,
            within=within,
        )
        yield MqttSink(
            topics,
            link,
            mirror,
            commands,
            log=context.log,
            fingerprint=f"{settings.address} {settings.prefix}",
            within=within,
            timeout=timeout,
        )
