"""What a configuration says, in the form that is compared with another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from repaintd.core.difference import Declared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from repaintd.config import Configuration, Settings
    from repaintd.core.template import Template

_BY_UID = "webhooks"


def declared(configuration: Configuration, templates: Mapping[str, Template]) -> Declared:
    """All of *configuration*, with *templates* as they are drawn."""
    return Declared(
        bindings=configuration.bindings,
        templates=templates,
        settings=dict(flat_settings(configuration.settings)),
    )


def flat_settings(settings: Settings) -> Iterator[tuple[str, Any]]:
    """Dotted key → plain value: `refresh.perHost`, `webhooks.UID`, `plugins.mqtt.host`.

    Secrets are the references that were written, or what stands there in clear: to be compared,
    never shown.
    """
    dumped = settings.model_dump(mode="json", by_alias=True)
    plugins = dumped.pop("plugins")
    for subscription in dumped.pop(_BY_UID):
        yield f"{_BY_UID}.{subscription['uid']}", subscription
    for section, values in dumped.items():
        yield from _below(section, values)
    for plugin, values in plugins.items():
        yield from _below(f"plugins.{plugin}", values)


def _below(name: str, values: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(values, dict) or not values:
        yield name, values
        return
    for key, value in values.items():
        yield f"{name}.{key}", value
