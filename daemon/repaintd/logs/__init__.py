"""Structured logs: for people on a terminal, as JSON lines everywhere else."""

from __future__ import annotations

from repaintd.logs.setup import configure_logging

__all__ = ["configure_logging"]
