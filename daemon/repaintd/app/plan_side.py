"""One of the two configurations that a plan compares: what it says, and what of it may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from repaintd.app.declared import declared
from repaintd.app.effective import effective_binding
from repaintd.app.masking import masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from repaintd.app.configure import Loaded
    from repaintd.core.binding import Binding
    from repaintd.core.difference import Declared


class Side(Protocol):
    """What is compared, and what is shown of it: never a secret."""

    @property
    def declared(self) -> Declared:
        """To be compared, never shown."""

    @property
    def loaded(self) -> Loaded | None:
        """The configuration itself, where it was read from files."""

    def binding(self, uid: str) -> Mapping[str, Any]:
        """A binding as it is written, secrets masked."""

    def setting(self, key: str) -> Any:
        """The value of a dotted key, secrets masked; None where there is none."""


class LoadedSide:
    """Implements `Side`: files that were read."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded: Loaded | None = loaded
        self.declared = declared(loaded.configuration, loaded.templates)
        self._files = loaded
        self._settings: dict[str, Any] | None = None

    def binding(self, uid: str) -> Mapping[str, Any]:
        """A binding as it is written, secrets masked."""
        return shown_binding(self._files, self._files.configuration.bindings[uid])

    def setting(self, key: str) -> Any:
        """The value of a dotted key, secrets masked; None where there is none."""
        if self._settings is None:
            self._settings = dict(shown_settings(self._files))
        return self._settings.get(key)


def shown_binding(loaded: Loaded, binding: Binding) -> dict[str, Any]:
    """A binding as it is written: without the size that its template gives it."""
    document = effective_binding(loaded, binding)
    document["outputConfig"] |= {"width": binding.output.width, "height": binding.output.height}
    return document


def shown_settings(loaded: Loaded) -> Iterator[tuple[str, Any]]:
    """Dotted key → value, under the keys of `flat_settings`."""
    document: dict[str, Any] = masked(loaded.configuration.settings)
    plugins = document.pop("plugins")
    for subscription in document.pop("webhooks"):
        yield f"webhooks.{subscription['uid']}", subscription
    for name, values in (*document.items(), *((f"plugins.{key}", plugins[key]) for key in plugins)):
        if isinstance(values, dict) and values:
            yield from ((f"{name}.{key}", value) for key, value in values.items())
        else:
            yield name, values
