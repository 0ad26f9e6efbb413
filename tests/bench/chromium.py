"""Which Chromium the baselines run: the one that the daemon's plugin finds."""

from __future__ import annotations

from repaintd_chromium.lookup import find_browser


def executable() -> str:
    """Its path."""
    return str(find_browser("auto"))
