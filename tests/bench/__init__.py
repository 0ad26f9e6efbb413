"""Measurements of speed and memory beside plain baselines: `make bench`."""

from __future__ import annotations
