"""The supervisor's decisions, with generations that are no browsers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog

from repaintd_chromium.chores import Chores
from repaintd_chromium.faults import StartFailed
from repaintd_chromium.supervisor import Supervisor

LOG = structlog.wrap_logger(
    None, processors=[lambda *_: (_ for _ in ()).throw(structlog.DropEvent)]
)


class Fake:
    """A generation that does as it is told."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.dead = False
        self.doubted = asyncio.Event()
        self.reason = ""
        self.busy = False
        self.beats = asyncio.Event()
        self.idle = asyncio.Event()
        self.closed = asyncio.Event()
        self.beat_fails = False

    def condemn(self, reason: str) -> None:
        self.dead = True
        self.reason = reason
        self.doubted.set()

    def wear_out(self) -> None:
        self.reason = "recycled"
        self.doubted.set()

    async def beat(self) -> None:
        self.beats.set()
        if self.beat_fails:
            raise OSError("cannot look")

    async def drained(self) -> None:
        await self.idle.wait()

    async def close(self) -> None:
        self.closed.set()


class House:
    """A supervisor over fakes, and what it did."""

    def __init__(self) -> None:
        self.made: list[Fake] = []
        self.reasons: list[str] = []
        self.failures: list[StartFailed] = []
        self.chores = Chores(LOG)
        self.supervisor = Supervisor(
            self.start,
            replaced=self.reasons.append,
            chores=self.chores,
            log=LOG,
            beat_seconds=0.01,
            pauses=(0.0, 0.01),
        )

    async def start(self, number: int) -> Fake:
        if self.failures:
            raise self.failures.pop()
        self.made.append(Fake(number))
        return self.made[-1]

    async def next_after(self, before: Fake) -> Fake:
        async with asyncio.timeout(2):
            while (now := await self.supervisor.lease()) is before:
                await asyncio.sleep(0)
        return now


@pytest.fixture
async def house() -> Any:
    house = House()
    yield house
    await house.chores.close()


async def test_a_dead_browser_is_closed_and_replaced(house: House) -> None:
    async with house.supervisor.running():
        first = await house.supervisor.lease()
        first.condemn("crashed")
        second = await house.next_after(first)
        assert (first.number, second.number, house.reasons) == (1, 2, ["crashed"])
        await asyncio.wait_for(first.closed.wait(), 1)
    assert second.closed.is_set()


async def test_a_lease_waits_while_no_browser_serves(house: House) -> None:
    async with house.supervisor.running():
        first = await house.supervisor.lease()
        house.failures = [StartFailed("no"), StartFailed("no")]
        first.condemn("crashed")
        waiting = asyncio.create_task(house.supervisor.lease())
        await asyncio.sleep(0)
        assert not waiting.done()
        assert (await asyncio.wait_for(waiting, 2)).number == 4
        assert house.reasons == ["crashed", "start_failed", "start_failed"]


async def test_a_worn_out_browser_serves_until_the_next_one_does_and_then_until_drained(
    house: House,
) -> None:
    async with house.supervisor.running():
        first = await house.supervisor.lease()
        house.failures = [StartFailed("no")]
        first.wear_out()
        assert await house.supervisor.lease() is first
        second = await house.next_after(first)
        assert not first.closed.is_set()
        first.idle.set()
        await asyncio.wait_for(first.closed.wait(), 1)
        assert await house.supervisor.lease() is second


async def test_a_browser_is_looked_after_only_while_it_is_busy(house: House) -> None:
    async with house.supervisor.running():
        first = await house.supervisor.lease()
        await asyncio.sleep(0.05)
        assert not first.beats.is_set()
        first.busy = True
        await asyncio.wait_for(first.beats.wait(), 1)


async def test_a_browser_that_cannot_be_looked_after_is_replaced(house: House) -> None:
    async with house.supervisor.running():
        first = await house.supervisor.lease()
        first.beat_fails = first.busy = True
        await house.next_after(first)
        assert house.reasons == ["stuck"]


async def test_when_the_first_start_fails_the_next_one_serves(house: House) -> None:
    house.failures = [StartFailed("no browser"), StartFailed("no browser")]
    async with house.supervisor.running():
        assert house.supervisor.trouble == "no browser"
        async with asyncio.timeout(5):
            await house.supervisor.lease()
        assert house.supervisor.trouble == ""
    assert house.reasons == ["start_failed", "start_failed"]
    assert len(asyncio.all_tasks()) == 1


async def test_a_browser_that_cannot_be_locked_in_is_not_tried_again(house: House) -> None:
    house.failures = [StartFailed("no sandbox", unlocked=True)]
    with pytest.raises(StartFailed, match="no sandbox"):
        async with house.supervisor.running():
            pytest.fail("it does not run")
    assert len(asyncio.all_tasks()) == 1


async def test_leaving_ends_a_restart_that_is_under_way(house: House) -> None:
    async with house.supervisor.running():
        first = await house.supervisor.lease()
        house.failures = [StartFailed("no")] * 1000
        first.condemn("crashed")
        await asyncio.sleep(0.05)
    assert first.closed.is_set()
