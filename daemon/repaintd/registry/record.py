"""What became of a plugin."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repaintd.plugin import Plugin


class PluginStatus(StrEnum):
    """The states a plugin can end in."""

    LOADED = "loaded"
    DISABLED = "disabled"
    LOAD_ERROR = "load_error"
    CONFIG_ERROR = "config_error"
    SELF_CHECK_FAILED = "self_check_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRecord:
    """One plugin and what became of it; `plugin` is None where it could not be loaded."""

    name: str
    status: PluginStatus
    reason: str = ""
    plugin: Plugin | None = None
