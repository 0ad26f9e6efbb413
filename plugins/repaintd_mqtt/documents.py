"""What is said of a binding: its state, and the device that Home Assistant makes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.plugin import View
    from repaintd_mqtt.topics import Topics

STATE_MOST: Final = 256 * 1024
"""Bytes of a state with its variables; a larger one goes without, for it goes again and again."""


def state_document(
    view: View, *, image_url: str | None, image_topic: str | None, most: int = STATE_MOST
) -> bytes:
    """The retained state as JSON; times are RFC 3339 in UTC.

    Args:
        view: the binding, and what is remembered of it.
        image_url: where the image is, None before the first one.
        image_topic: where its bytes are, None where they are not at the broker.
        most: bytes; a larger one goes without its variables.
    """
    state = view.state
    document: dict[str, Any] = {
        "uid": view.binding.uid,
        "name": view.binding.name,
        "status": view.status.value,
        "lastSuccess": rfc3339(state.last_success_at),
        "lastError": state.last_error if state.error_count else None,
        "imageUrl": image_url,
        "imageTopic": image_topic,
        "etag": state.image.etag if state.image else None,
        "variables": state.variables,
        "nextRefresh": None if view.binding.paused else rfc3339(state.next_due_at),
    }
    written = _json(document)
    if len(written) > most:
        written = _json({**document, "variables": None})
    return written


def discovery_document(view: View, topics: Topics, *, bytes_as: str | None) -> bytes:
    """One device with all its entities, as Home Assistant's MQTT integration takes it.

    Keys from its documentation: "Device discovery payload" of integrations/mqtt, and the pages of
    the components image.mqtt, sensor.mqtt and button.mqtt. Payloads of availability and button are
    the defaults (`online`, `offline`; any payload is a press).

    Args:
        view: the binding.
        topics: of this daemon.
        bytes_as: the image's media type where its bytes come through the broker, None for its URL.
    """
    uid = view.binding.uid
    device = topics.device(uid)
    document = {
        "dev": {
            "ids": [device],
            "name": view.binding.name or uid,
            "mf": "repaintd",
            "mdl": view.binding.template_id,
        },
        "o": {"name": "repaintd", "sw": _version()},
        "availability_topic": topics.status,
        "qos": 1,
        "cmps": {
            **_image(view, topics, bytes_as),
            **_sensors(device, topics.state(uid)),
            "refresh": {
                "p": "button",
                "name": "Refresh",
                "unique_id": f"{device}_refresh",
                "command_topic": topics.refresh(uid),
            },
        },
    }
    return _json(document)


def _sensors(device: str, state: str) -> dict[str, Any]:
    """What the retained *state* says, as entities."""
    return {
        "status": _sensor(
            f"{device}_status",
            state,
            name="Status",
            device_class="enum",
            options=["active", "paused", "error"],
            value_template="{{ value_json.status }}",
            json_attributes_topic=state,
            json_attributes_template="{{ {'lastError': value_json.lastError} | tojson }}",
        ),
        "last_success": _sensor(
            f"{device}_last_success",
            state,
            name="Last success",
            device_class="timestamp",
            value_template="{{ value_json.lastSuccess }}",
        ),
    }


@cache  # reads a file
def _version() -> str:
    return version("repaintd")


def _image(view: View, topics: Topics, bytes_as: str | None) -> dict[str, Any]:
    """No entity for a PDF: Home Assistant shows pictures alone."""
    uid = view.binding.uid
    if not view.binding.output.format.media_type.startswith("image/"):
        return {}
    entity: dict[str, Any] = {
        "p": "image",
        "name": None,  # the device's own
        "unique_id": f"{topics.device(uid)}_image",
    }
    if bytes_as is None:
        entity["url_topic"] = topics.image_url(uid)
    else:
        entity |= {"image_topic": topics.image(uid), "content_type": bytes_as}
    return {"image": entity}


def _sensor(unique_id: str, state_topic: str, **more: Any) -> dict[str, Any]:
    return {"p": "sensor", "unique_id": unique_id, "state_topic": state_topic, **more}


def versioned(url: str, etag: str) -> str:
    """*url* as another one for each image: Home Assistant loads an image when its URL changes."""
    return f"{url}{'&' if '?' in url else '?'}v={etag}"


def rfc3339(at: float | None) -> str | None:
    """Seconds since the epoch as text, with milliseconds, in UTC."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: Mapping[str, Any]) -> bytes:
    # Not orjson: variables are whatever JSON a stranger sends, integers of any length among them.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode(
        errors="replace"
    )
