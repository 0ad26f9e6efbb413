"""The HTTP listener: images, state, metrics, health."""

from __future__ import annotations

from repaintd.web.application import create_app
from repaintd.web.limits import Limits
from repaintd.web.listener import Listener, open_listener
from repaintd.web.problem import Problem
from repaintd.web.surface import SURFACE, Check, FirstImage, Health, Readiness, Surface

__all__ = [
    "SURFACE",
    "Check",
    "FirstImage",
    "Health",
    "Limits",
    "Listener",
    "Problem",
    "Readiness",
    "Surface",
    "create_app",
    "open_listener",
]
