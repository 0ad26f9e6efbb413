from __future__ import annotations

import asyncio

import pytest

from repaintd.metrics import watch_loop


class FakeClock:
    def __init__(self):
        self.time = 0.0

    def now(self):
        return self.time

    def monotonic(self):
        return self.time


class FakeMetrics:
    def __init__(self):
        self.lags = []

    def observe_loop_lag(self, seconds):
        self.lags.append(seconds)


async def test_the_lag_is_what_a_sleep_took_too_long():
    clock, metrics = FakeClock(), FakeMetrics()
    naps = iter([0.25, 0.75, 0.2])

    async def sleep(_seconds):
        nap = next(naps, None)
        if nap is None:
            raise asyncio.CancelledError
        clock.time += nap

    with pytest.raises(asyncio.CancelledError):
        await watch_loop(metrics, clock, sleep=sleep)

    assert metrics.lags == [0.0, 0.5, 0.0]
