"""The sink `mqtt`: events, retained states and Home Assistant devices on an MQTT broker."""

from __future__ import annotations

from repaintd_mqtt.mqtt import Mqtt

__all__ = ["Mqtt"]
