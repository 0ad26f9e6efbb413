from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from repaintd.app import health
from repaintd.app.health import DaemonHealth
from repaintd.errors import RenderFailed, StoreUnavailable
from repaintd.testing import FakeClock


class World:
    """A daemon of which only the parts that are looked at are there."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.database: BaseException | None = None
        self.renderer: BaseException | None = None
        self.told: dict[str, bool] = {}
        parts = SimpleNamespace(
            clock=self.clock,
            metrics=SimpleNamespace(set_check=self.tell),
            store=SimpleNamespace(probe=self.probe_database),
            tools=SimpleNamespace(renderer=SimpleNamespace(probe=self.probe_renderer)),
        )
        self.scheduler = SimpleNamespace(last_turn_at=self.clock.monotonic())
        self.health = DaemonHealth(parts, self.scheduler)

    def tell(self, name: str, *, ok: bool) -> None:
        self.told[name] = ok

    async def probe_database(self) -> None:
        await self.answer(self.database)

    async def probe_renderer(self) -> None:
        await self.answer(self.renderer)

    async def answer(self, error: BaseException | None) -> None:
        if isinstance(error, TimeoutError):
            await asyncio.Event().wait()
        if error is not None:
            raise error


async def test_all_is_well_when_everything_that_was_tried_works():
    world = World()
    await world.health.look()
    assert (await world.health.ready()).ok
    assert (await world.health.live()).ok
    assert world.told == {"database": True, "renderer": True}


@pytest.mark.parametrize(
    ("part", "error"),
    [
        ("database", StoreUnavailable("the disk is full")),
        ("renderer", RenderFailed("no browser", reason="no_renderer")),
        ("renderer", ZeroDivisionError()),
    ],
)
async def test_what_refuses_is_not_ready_and_alive(part, error):
    world = World()
    setattr(world, part, error)
    await world.health.look()
    assert world.told == {"database": True, "renderer": True, part: False}
    ready = await world.health.ready()
    assert not ready.ok
    assert ready.checks[part].detail == (str(error) or "internal error: ZeroDivisionError")
    assert (await world.health.live()).ok, "a restart would mend nothing"


async def test_a_database_that_does_not_answer_is_not_alive(monkeypatch):
    monkeypatch.setattr(health, "PROBE_TIMEOUT", 0.01)
    world = World()
    world.database = TimeoutError()
    await world.health.look()
    live = await world.health.live()
    assert not live.ok
    assert "no answer" in live.checks["database"].detail


async def test_a_browser_that_does_not_answer_needs_no_restart(
    monkeypatch,
):
    monkeypatch.setattr(health, "PROBE_TIMEOUT", 0.01)
    world = World()
    world.renderer = TimeoutError()
    await world.health.look()
    assert not (await world.health.ready()).ok
    assert (await world.health.live()).ok


async def test_a_scheduler_that_stands_still_is_neither_ready_nor_alive():
    world = World()
    await world.health.look()
    world.clock.advance(61)
    assert not (await world.health.ready()).ok
    assert not (await world.health.live()).ok


async def test_looking_that_stands_still_is_noticed():
    world = World()
    await world.health.look()
    world.clock.advance(50)
    world.scheduler.last_turn_at = world.clock.monotonic()
    assert not (await world.health.live()).ok


async def test_it_looks_again_by_itself(monkeypatch):
    monkeypatch.setattr(health, "INTERVAL", 0.001)
    world = World()
    await world.health.look()
    world.renderer = RenderFailed("gone", reason="browser_crashed")
    task = asyncio.create_task(world.health.watch(), name="health")
    async with asyncio.timeout(5):
        while (await world.health.ready()).ok:
            await asyncio.sleep(0.001)
        world.renderer = None
        while not (await world.health.ready()).ok:
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
