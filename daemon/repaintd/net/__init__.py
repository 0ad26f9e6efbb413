"""The one way out by HTTP: egress policy, limits, redirects, content codings."""

from __future__ import annotations

from repaintd.net.door import open_door
from repaintd.net.own import OwnListener

__all__ = ["OwnListener", "open_door"]
