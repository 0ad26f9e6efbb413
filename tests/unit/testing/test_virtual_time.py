from __future__ import annotations

import asyncio

import pytest

from repaintd.testing.virtual_time import START, VirtualClock, in_virtual_time, settled


@in_virtual_time
async def test_a_week_passes_at_once():
    clock = VirtualClock()
    await asyncio.sleep(7 * 86_400)
    assert (clock.monotonic(), clock.now()) == (604_800, START + 604_800)


@in_virtual_time
async def test_settling_runs_everything_and_takes_no_time():
    seen = []

    async def count():
        for number in range(1_000):
            await asyncio.sleep(0)
            seen.append(number)

    task = asyncio.create_task(count())
    await settled()
    assert len(seen) == 1_000
    assert asyncio.get_running_loop().time() == 0
    await task


def test_waiting_for_what_never_comes_is_an_error():
    @in_virtual_time
    async def forever():
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        forever()


async def test_settling_needs_virtual_time():
    with pytest.raises(TypeError):
        await settled()
