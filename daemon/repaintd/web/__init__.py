"""The HTTP listener: images, triggers, events, deliveries, state, metrics, health."""

from __future__ import annotations

from repaintd.web.application import create_app
from repaintd.web.limits import Limits
from repaintd.web.listener import Listener, open_listener
from repaintd.web.problem import Problem
from repaintd.web.surface import (
    SURFACE,
    Check,
    Deliveries,
    Events,
    FirstImage,
    Health,
    Intake,
    Keys,
    Readiness,
    Surface,
)

__all__ = [
    "SURFACE",
    "Check",
    "Deliveries",
    "Events",
    "FirstImage",
    "Health",
    "Intake",
    "Keys",
    "Limits",
    "Listener",
    "Problem",
    "Readiness",
    "Surface",
    "create_app",
    "open_listener",
]
