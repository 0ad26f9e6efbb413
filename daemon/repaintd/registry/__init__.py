"""Finds plugins through entry points; a broken one becomes a record with a reason, not a crash."""

from __future__ import annotations

from repaintd.registry.discovery import GROUP, discover
from repaintd.registry.opening import OpenPlugins, open_plugins
from repaintd.registry.record import PluginRecord, PluginStatus

__all__ = ["GROUP", "OpenPlugins", "PluginRecord", "PluginStatus", "discover", "open_plugins"]
