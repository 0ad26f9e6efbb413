"""The settings as dotted keys: for comparing two configurations, and for showing one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from repaintd.config.settings import Settings
from repaintd.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFERENCE: Final = "${"


def dotted_settings(settings: Settings) -> dict[str, Any]:
    """Every setting in effect by its dotted key in `repaintd.yaml`, defaults among them.

    Subscriptions are found by their uid (`webhooks.<uid>.targetUrl`), wherever they stand in the
    list. Secrets are references; one that stands there in clear text is a `Secret`, which compares
    and cannot be printed.
    """
    found: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        if name != "webhooks":
            found.update(_below(field.alias or name, getattr(settings, name), hidden=False))
    for subscription in settings.webhooks:
        found.update(_below(f"webhooks.{subscription.uid}", subscription, hidden=False))
    return found


def _below(key: str, value: Any, *, hidden: bool) -> Iterator[tuple[str, Any]]:
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            hides = hidden or not field.repr
            written = field.alias or name
            yield from _below(f"{key}.{written}", getattr(value, name), hidden=hides)
    elif isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _below(f"{key}.{name}", each, hidden=hidden)
    elif isinstance(value, list | tuple) and any(isinstance(each, BaseModel) for each in value):
        for index, each in enumerate(value):
            yield from _below(f"{key}[{index}]", each, hidden=hidden)
    else:
        yield key, _plain(value, hidden=hidden)


def _plain(value: Any, *, hidden: bool) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_plain(each, hidden=hidden) for each in value)
    if hidden and isinstance(value, str) and _REFERENCE not in value:
        return Secret(value)
    return value
