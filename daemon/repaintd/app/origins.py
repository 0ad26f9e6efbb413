"""Where each value of the configuration in effect comes from: a file, a variable, a default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from repaintd.app.places import SETTINGS, Places
from repaintd.config.problem import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from repaintd.app.configure import Loaded, Options
    from repaintd.config.document import Document
    from repaintd.config.problem import Path
    from repaintd.core.binding import Binding

DEFAULT: Final = "default"
_OTHER_SPELLINGS: Final = {"staticData": ("data",), "secrets": ("secret",)}
_NOWHERE: Final = object()


def settings_with_origins(
    loaded: Loaded, options: Options, document: Mapping[str, Any]
) -> Iterator[tuple[str, Any, str]]:
    """Dotted key, value and origin of everything in *document*, the settings in effect."""
    file = Places(loaded.configuration.directory).document(SETTINGS)
    overridden = _overridden(options)
    for path, value in _leaves(document):
        yield dotted(path), value, overridden.get(path) or _origin(file, (), path)


def binding_with_origins(
    loaded: Loaded, binding: Binding, document: Mapping[str, Any]
) -> Iterator[tuple[str, Any, str]]:
    """The same of *document*, one binding in effect."""
    found = Places(loaded.configuration.directory).binding(binding)
    file, start = found or (None, ())
    for path, value in _leaves(document):
        origin = _origin(file, start, path)
        if origin == DEFAULT and path[-1] in {"width", "height"}:
            origin = f"template {binding.template_id}"
        yield dotted(path), value, origin


def _overridden(options: Options) -> dict[Path, str]:
    """Who has the last word on the directories (`config.directories` decides the same)."""
    environ = options.environ
    chosen = {
        "output": (
            (options.output_dir, "--output-dir"),
            (environ.get("REPAINTD_OUTPUT_DIR"), "$REPAINTD_OUTPUT_DIR"),
        ),
        "state": (
            (options.state_dir, "--state-dir"),
            (environ.get("REPAINTD_STATE_DIR"), "$REPAINTD_STATE_DIR"),
            (environ.get("STATE_DIRECTORY", "").partition(":")[0], "$STATE_DIRECTORY"),
        ),
    }
    return {
        (name, "directory"): next((origin for given, origin in ways if given), "")
        for name, ways in chosen.items()
    }


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    children: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    if not children:
        yield path, value
    for key, each in children:
        yield from _leaves(each, (*path, key))


def _origin(document: Document | None, start: Path, path: Path) -> str:
    """`file:line:column` of the node that decides the value at *path*."""
    if document is None:
        return DEFAULT
    value: Any = document.value
    walked: Path = ()
    for part in (*start, *path):
        if value is not None and not isinstance(value, dict | list):
            break  # a short form, like `tls: true`
        key, value = _step(value, part)
        if value is _NOWHERE:
            return DEFAULT
        walked = walked if key is None else (*walked, key)
    if value is None and len(walked) < len(start) + len(path):
        return DEFAULT
    line, column = document.place(walked)
    return f"{document.file}:{line}:{column}"


def _step(value: Any, part: str | int) -> tuple[str | int | None, Any]:
    """The key that stands in the file for *part*, and what lies there."""
    if isinstance(value, list):
        found = isinstance(part, int) and part < len(value)
        return part, value[part] if found and isinstance(part, int) else _NOWHERE
    if isinstance(value, dict):
        for key in (part, *_OTHER_SPELLINGS.get(str(part), ())):
            if key in value:
                return key, value[key]
    return part, _NOWHERE
