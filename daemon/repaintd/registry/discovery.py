"""Loads plugin classes. Cheap: heavy imports wait until a plugin is opened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from repaintd.plugin import Plugin
from repaintd.registry.record import PluginRecord, PluginStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoint

    from repaintd.plugin import SourceSpec, SpecModel

GROUP: Final = "repaintd.plugins"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")


def discover(entry_points: Iterable[EntryPoint] | None = None) -> tuple[PluginRecord, ...]:
    """Load every plugin class that is installed, sorted by name."""
    found = metadata.entry_points(group=GROUP) if entry_points is None else entry_points
    return tuple(_load(point) for point in sorted(found, key=lambda point: point.name))


def source_specs(records: Iterable[PluginRecord]) -> dict[str, type[SourceSpec]]:
    """The spec model of each `dataSource.type` that plugins add; the first to name one has it."""
    specs: dict[str, type[SourceSpec]] = {}
    for record in records:
        if record.plugin is not None:
            for kind, spec in record.plugin.source_specs.items():
                specs.setdefault(kind, spec)
    return specs


def settings_models(records: Iterable[PluginRecord]) -> Mapping[str, type[SpecModel]]:
    """The settings model of each plugin, by name."""
    return {r.name: r.plugin.settings_model for r in records if r.plugin is not None}


def _load(point: EntryPoint) -> PluginRecord:
    try:
        plugin = _instance(point.load())
    except (Exception, SystemExit) as error:  # noqa: BLE001 — a stranger's import may raise anything
        return _failed(point.name, f"{type(error).__name__}: {error}")
    problem = _problem(point.name, plugin)
    if problem:
        return _failed(point.name, problem)
    return PluginRecord(name=point.name, status=PluginStatus.LOADED, plugin=plugin)


def _instance(loaded: Any) -> Any:
    return loaded() if isinstance(loaded, type) else loaded


def _problem(name: str, plugin: Any) -> str:
    if not isinstance(plugin, Plugin):
        return "it is not a plugin: it lacks one of name, settings_model, source_specs, open"
    if not isinstance(plugin.source_specs, Mapping):
        return "its source_specs is no mapping of `dataSource.type` to a model"
    if plugin.name != name:
        return f"its entry point is called {name!r} and it calls itself {plugin.name!r}"
    if not _NAME.fullmatch(name):
        return "its name must match [a-z][a-z0-9_]{0,31}"
    return ""


def _failed(name: str, reason: str) -> PluginRecord:
    return PluginRecord(name=name, status=PluginStatus.LOAD_ERROR, reason=reason)
