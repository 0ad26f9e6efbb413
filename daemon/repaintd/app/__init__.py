"""The composition root: the only place that knows everything. It connects and decides nothing."""

from __future__ import annotations

from repaintd.app.configure import Loaded, Options, load
from repaintd.app.daemon import run_daemon
from repaintd.app.once import render_once

__all__ = ["Loaded", "Options", "load", "render_once", "run_daemon"]
