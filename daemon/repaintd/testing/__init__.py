"""Fakes that implement the ports, for the tests of repaintd and of its plugins."""

from __future__ import annotations

from repaintd.testing.clock import FakeClock
from repaintd.testing.http import FakeHttp
from repaintd.testing.images import MemoryImages
from repaintd.testing.parts import FakeEngine, FakeRenderer, FakeSource
from repaintd.testing.samples import sample_binding, sample_template
from repaintd.testing.store import MemoryStore

__all__ = [
    "FakeClock",
    "FakeEngine",
    "FakeHttp",
    "FakeRenderer",
    "FakeSource",
    "MemoryImages",
    "MemoryStore",
    "sample_binding",
    "sample_template",
]
