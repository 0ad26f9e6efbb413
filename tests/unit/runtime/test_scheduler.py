from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import structlog

from repaintd.core.state import Trigger
from repaintd.runtime.scheduler import Scheduler
from repaintd.testing import FakeClock


class Runs:
    """Records what the scheduler starts; a run ends when it is told to."""

    def __init__(self) -> None:
        self.started: list[tuple[str, Trigger]] = []
        self.now_running = 0
        self.most_running = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.next_due: float | None = None
        self.change = asyncio.Condition()

    async def __call__(self, uid: str, trigger: Trigger, due_at: float) -> float | None:
        self.now_running += 1
        self.most_running = max(self.most_running, self.now_running)
        async with self.change:
            self.started.append((uid, trigger))
            self.change.notify_all()
        try:
            await self.gate.wait()
        finally:
            self.now_running -= 1
        return self.next_due

    async def until(self, count: int) -> None:
        async with self.change, asyncio.timeout(5):
            await self.change.wait_for(lambda: len(self.started) >= count)


@asynccontextmanager
async def serving(runs: Runs, clock: FakeClock):
    scheduler = Scheduler(
        run=runs, trigger_of=lambda _: Trigger.TTL, clock=clock, log=structlog.get_logger()
    )
    task = asyncio.create_task(scheduler.serve(), name="scheduler")
    try:
        yield scheduler
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_is_due_runs_and_what_is_not_waits():
    clock, runs = FakeClock(), Runs()
    async with serving(runs, clock) as scheduler:
        scheduler.set("later", clock.now() + 100)
        scheduler.set("now", clock.now())
        await runs.until(1)
        await settle()
        assert runs.started == [("now", Trigger.TTL)]


async def test_a_run_tells_when_the_next_one_is():
    clock, runs = FakeClock(), Runs()
    runs.next_due = clock.now() + 50
    async with serving(runs, clock) as scheduler:
        scheduler.set("a", clock.now())
        await runs.until(1)
        await settle()
        assert scheduler._timetable.at("a") == clock.now() + 50


async def test_triggers_during_a_run_cause_exactly_one_more():
    clock, runs = FakeClock(), Runs()
    runs.gate.clear()
    async with serving(runs, clock) as scheduler:
        scheduler.set("a", clock.now())
        await runs.until(1)
        assert scheduler.trigger("a", Trigger.WEBHOOK) is True
        assert [scheduler.trigger("a", Trigger.WEBHOOK) for _ in range(50)] == [False] * 50
        runs.gate.set()
        await runs.until(2)
        await settle()
        assert runs.started == [("a", Trigger.TTL), ("a", Trigger.WEBHOOK)]
        assert runs.most_running == 1


async def test_triggers_while_idle_coalesce_into_one_run():
    clock, runs = FakeClock(), Runs()
    async with serving(runs, clock) as scheduler:
        assert scheduler.trigger("a", Trigger.MANUAL) is True
        assert scheduler.trigger("a", Trigger.MANUAL) is False
        await runs.until(1)
        await settle()
        assert runs.started == [("a", Trigger.MANUAL)]


async def test_a_removed_binding_runs_no_more():
    clock, runs = FakeClock(), Runs()
    async with serving(runs, clock) as scheduler:
        scheduler.set("a", clock.now() + 10)
        scheduler.remove("a")
        clock.advance(20)
        scheduler.set("b", clock.now())
        await runs.until(1)
        await settle()
        assert [uid for uid, _ in runs.started] == ["b"]


async def test_draining_starts_nothing_new_and_waits_for_what_runs():
    clock, runs = FakeClock(), Runs()
    runs.gate.clear()
    async with serving(runs, clock) as scheduler:
        scheduler.set("a", clock.now())
        await runs.until(1)
        assert await scheduler.drain(0.02) is False
        scheduler.set("b", clock.now())
        await settle()
        runs.gate.set()
        assert await scheduler.drain(5) is True
        assert [uid for uid, _ in runs.started] == ["a"]


async def test_a_clock_set_forward_starts_no_herd():
    clock, runs = FakeClock(), Runs()
    async with serving(runs, clock) as scheduler:
        await settle()
        for n in range(20):
            scheduler.set(f"b{n}", clock.now() + 50 + n)
        await settle()
        clock.set_wall(clock.now() + 86_400)
        scheduler.set("canary", clock.now())
        scheduler._wake.set()
        await settle()
        assert len(runs.started) == 0
        assert scheduler._timetable.at("b0") == clock.now() + 50


async def test_a_thousand_due_at_once_all_run():
    clock, runs = FakeClock(), Runs()
    async with serving(runs, clock) as scheduler:
        for n in range(1000):
            scheduler.set(f"b{n}", clock.now())
        await runs.until(1000)
        assert len({uid for uid, _ in runs.started}) == 1000
