"""What `repaintd doctor` says about the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repaintd.plugin import Finding
from repaintd_mqtt.connection import Unreachable, connection, identifier_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.plugin import Secret
    from repaintd_mqtt.settings import MqttSettings


async def examine(settings: MqttSettings, secret: Callable[[str], Secret]) -> Finding:
    """Connect under another client id: a daemon that is running is not pushed out."""
    check = "MQTT broker"
    identifier = f"{identifier_of(settings)}-doctor"
    try:
        async with connection(settings, secret, identifier=identifier):
            pass
    except Unreachable as exc:
        remedy = "start the broker, or correct plugins.mqtt in repaintd.yaml"
        return Finding(check=check, ok=False, detail=str(exc), remedy=remedy)
    return Finding(check=check, ok=True, detail=f"{settings.address} takes us")
