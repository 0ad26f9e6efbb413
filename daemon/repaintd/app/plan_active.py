"""The daemon's active configuration on its way to `repaintd plan`: pages of what may be shown.

Secrets are masked; beside them go digests, so that a changed one is seen to have changed. Both
sides are brought into this form before they are compared, so that it makes no differences itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import orjson

from repaintd.app.declared import flat_settings
from repaintd.app.plan_side import shown_binding, shown_settings
from repaintd.core.binding import Binding, SourceConfig
from repaintd.core.difference import Declared
from repaintd.core.fingerprint import canonical, digest
from repaintd.core.template import Template

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from repaintd.app.configure import Loaded

BINDINGS: Final = 2_000
BYTES: Final = 4 * 1024 * 1024
"""A page ends with the binding that brings it to so many, or with so many bytes."""
FORM: Final = 1
"""Changes with the form of the documents: other forms cannot be compared."""

_RENAMED: Final = {
    "templateId": "template_id",
    "refreshPolicy": "refresh",
    "outputConfig": "output",
}


def active_page(loaded: Loaded, after: str = "") -> bytes:
    """The page behind binding *after*, as JSON; takes some 0.1 ms a binding. Blocks.

    `version` tells pages of one configuration from those of another; `next` is what comes after
    this page, None where it is the last.
    """
    bindings: dict[str, Any] = {}
    size, following = 0, None
    for uid, binding in loaded.configuration.bindings.items():
        if uid <= after:
            continue
        if len(bindings) >= BINDINGS or size >= BYTES:
            following = next(reversed(bindings))
            break
        bindings[uid] = _sealed(loaded, binding)
        size += len(canonical(bindings[uid]))
    page = {
        "form": FORM,
        "version": loaded.signature.hex(),
        "templates": {key: each.fingerprint for key, each in loaded.templates.items()},
        "settings": _settings(loaded),
        "bindings": bindings,
        "next": following,
    }
    return canonical(page)


def _sealed(loaded: Loaded, binding: Binding) -> dict[str, Any]:
    shown = shown_binding(loaded, binding)
    written: dict[str, Any] = dict(shown)
    dump = getattr(binding.source.spec, "model_dump", None)
    if dump is not None:
        written["dataSource"] = dump(mode="json", by_alias=True)
    if binding.webhook is not None:
        written["webhook"] = shown["webhook"] | {"secrets": list(binding.webhook.secrets)}
    return {
        "shown": shown,
        "seals": _seals(shown, written),
        "host": binding.source.host,
        "source": digest(binding.source.fingerprint),
    }


def _seals(shown: Any, written: Any) -> Any:
    """Digests of what is masked, in its places; None where nothing is."""
    if shown == written:
        return None
    if isinstance(shown, dict) and isinstance(written, dict):
        below = ((key, _seals(value, written.get(key))) for key, value in shown.items())
        return {key: seals for key, seals in below if seals is not None} or None
    return digest(canonical(written))


def _under_seals(shown: Any, seals: Any) -> Any:
    """What is compared: digests where masks are."""
    if not isinstance(seals, dict):
        return shown if seals is None else seals
    return {key: _under_seals(value, seals.get(key)) for key, value in shown.items()}


def _settings(loaded: Loaded) -> dict[str, list[Any]]:
    shown = dict(shown_settings(loaded))
    written = flat_settings(loaded.configuration.settings)
    return {key: [shown.get(key), digest(canonical(value))] for key, value in written}


class ActiveSide:
    """Implements `Side`: a configuration in the form of its pages."""

    loaded: Loaded | None = None

    def __init__(self, pages: Iterable[Mapping[str, Any]]) -> None:
        self._bindings: dict[str, Any] = {}
        self._settings: Mapping[str, Any] = {}
        templates: Mapping[str, str] = {}
        for page in pages:
            self._bindings |= page["bindings"]
            self._settings, templates = page["settings"], page["templates"]
        self.declared = Declared(
            bindings={uid: _binding(uid, each) for uid, each in self._bindings.items()},
            templates={
                key: Template(id=key, markup="", fingerprint=each)
                for key, each in templates.items()
            },
            settings={key: sealed for key, (_, sealed) in self._settings.items()},
        )

    def binding(self, uid: str) -> Mapping[str, Any]:
        """A binding as it is written, secrets masked."""
        shown: Mapping[str, Any] = self._bindings[uid]["shown"]
        return shown

    def setting(self, key: str) -> Any:
        """The value of a dotted key, secrets masked; None where there is none."""
        return self._settings[key][0] if key in self._settings else None


class ActiveLoaded(ActiveSide):
    """The same for files that were read: to be compared with what a daemon tells."""

    def __init__(self, loaded: Loaded) -> None:
        super().__init__(_pages(loaded))
        self.loaded = loaded


def _pages(loaded: Loaded) -> Iterator[Mapping[str, Any]]:
    after: str | None = ""
    while after is not None:
        page = orjson.loads(active_page(loaded, after))
        after = page["next"]
        yield page


def _binding(uid: str, sealed: Mapping[str, Any]) -> Binding:
    """A binding for `compare`: its parts are documents, where a whole one has objects."""
    parts = {**_under_seals(sealed["shown"], sealed["seals"])}
    del parts["uid"]
    spec = parts.pop("dataSource")
    source = SourceConfig(
        type=spec["type"], spec=spec, fingerprint=sealed["source"], host=sealed["host"]
    )
    known = {_RENAMED.get(key, key): value for key, value in parts.items()}
    fields = {key: value for key, value in known.items() if key in Binding.__dataclass_fields__}
    return Binding(uid=uid, source=source, **cast("Any", fields))
