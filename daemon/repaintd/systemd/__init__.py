"""Tells systemd how the daemon is: our own lines, no library (sd_notify(3))."""

from __future__ import annotations

from repaintd.systemd.notifier import Notifier
from repaintd.systemd.watchdog import watchdog_interval

__all__ = ["Notifier", "watchdog_interval"]
