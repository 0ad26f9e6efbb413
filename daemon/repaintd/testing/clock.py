"""A clock that stands still until it is moved."""

from __future__ import annotations


class FakeClock:
    """Implements `core.ports.Clock`; starts at 2026-01-01T00:00:00Z unless told otherwise."""

    def __init__(self, now: float = 1_767_225_600.0) -> None:
        self._now = now
        self._monotonic = 1_000.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since some instant."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        self._monotonic += seconds

    def set_wall(self, now: float) -> None:
        """Set the wall clock, as an administrator or NTP would."""
        self._now = now
