"""How much trouble to take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """The size of a measurement.

    Attributes:
        rounds: that count, after one to warm up.
        seconds: of one side of one round.
        samples: of a latency, each side.
        small: bindings of the smaller configuration.
        large: bindings of the larger one.
        watch: seconds that a daemon is watched at its daily work.
        burst: triggers that come at once.
        events: that are told.
        stall: seconds that a client may take nothing of what waits for it.
    """

    rounds: int
    seconds: float
    samples: int
    small: int
    large: int
    watch: float
    burst: int
    events: int
    stall: float


FULL = Effort(
    rounds=3,
    seconds=4.0,
    samples=150,
    small=10_000,
    large=100_000,
    watch=15.0,
    burst=10_000,
    events=100_000,
    stall=30.0,  # as the listener has it
)
QUICK = Effort(
    rounds=1,
    seconds=1.0,
    samples=20,
    small=1_000,
    large=2_000,
    watch=3.0,
    burst=1_000,
    events=5_000,
    stall=2.0,
)
