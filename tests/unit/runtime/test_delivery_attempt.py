from __future__ import annotations

import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from repaintd.core.event import StoredEvent
from repaintd.errors import DeliveryFailed, StoreUnavailable
from repaintd.runtime.delivery_attempt import Attempt, attempt
from repaintd.runtime.delivery_insistence import insist
from repaintd.testing.sink import FakeSink
from repaintd.testing.virtual_time import START, VirtualClock, in_virtual_time

EVENT = StoredEvent(position=1, id="evt_1", name="n", uid="a", sequence=1, at=0.0, body=b"{}")
LOG = structlog.get_logger()


async def once(answer, **policy):
    return await attempt(FakeSink(answer, **policy), EVENT, clock=VirtualClock(), log=LOG)


@in_virtual_time
async def test_a_success_tells_its_status_and_time():
    async def answer(event):
        await asyncio.sleep(2)

    assert await once(answer) == Attempt(at=START, seconds=2, status=200)


@in_virtual_time
async def test_a_failure_tells_what_the_sink_told():
    async def answer(event):
        raise DeliveryFailed("x" * 10_000, status=503, retry_after=9.0, gone=True)

    made = await once(answer)
    assert (made.status, made.retry_after, made.gone) == (503, 9.0, True)
    assert made.error == "x" * 500


@in_virtual_time
async def test_a_failure_without_words_is_a_failure():
    async def answer(event):
        raise DeliveryFailed("")

    assert (await once(answer)).error == "the sink did not say why"


@in_virtual_time
async def test_the_time_limit_holds_even_for_a_sink_that_breaks_on_it():
    async def stubborn(event):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("interrupted") from None

    made = await once(stubborn, timeout=3)
    assert (made.error, made.seconds) == ("no answer within 3 s", 3)


@in_virtual_time
async def test_our_own_cancellation_is_no_answer():
    async def hang(event):
        await asyncio.Event().wait()

    task = asyncio.create_task(once(hang))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@in_virtual_time
async def test_insisting_says_it_once_each_way_and_waits_longer_and_longer():
    times = []

    async def call():
        times.append(asyncio.get_running_loop().time())
        if len(times) < 8:
            raise StoreUnavailable("locked")
        return 42

    with capture_logs() as logs:
        assert await insist(call, log=LOG, dice=lambda: 0.5, what="testing") == 42
    assert times == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 30.5, 45.5]
    assert [(each["log_level"], each["doing"]) for each in logs] == [
        ("error", "testing"),
        ("info", "testing"),
    ]


@in_virtual_time
async def test_insisting_does_not_hide_bugs():
    async def call():
        raise ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        await insist(call, log=LOG, dice=lambda: 0.5, what="testing")
