from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
import structlog
from structlog.testing import capture_logs

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

    async def __call__(self, uid: str, trigger: Trigger, lag: float) -> float | None:
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
        assert scheduler._timetable.at("a") == clock.monotonic() + 50


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


@pytest.mark.parametrize("step", [86_400, -86_400])
async def test_a_clock_that_is_set_starts_no_herd_and_loses_no_trigger(step: float):
    clock, runs = FakeClock(), Runs()
    async with serving(runs, clock) as scheduler:
        for n in range(20):
            scheduler.set(f"b{n}", clock.now() + 50)
        await settle()
        clock.set_wall(clock.now() + step)
        assert scheduler.trigger("triggered", Trigger.WEBHOOK) is True
        await runs.until(1)
        await settle()
        assert runs.started == [("triggered", Trigger.WEBHOOK)]
        clock.advance(50)
        scheduler._wake.set()
        await runs.until(21)


async def test_a_time_that_is_set_during_a_run_counts_after_it():
    clock, runs = FakeClock(), Runs()
    runs.gate.clear()
    runs.next_due = clock.now() + 300
    async with serving(runs, clock) as scheduler:
        scheduler.set("a", clock.now())
        scheduler.set("b", clock.now())
        await runs.until(2)
        scheduler.set("a", clock.now() + 10)
        scheduler.remove("b")
        await settle()
        assert runs.most_running == 2
        runs.gate.set()
        await settle()
        assert scheduler._timetable.at("a") == clock.monotonic() + 10
        assert scheduler._timetable.at("b") is None
        assert scheduler.running == 0


@pytest.mark.parametrize("error", [ZeroDivisionError(), asyncio.CancelledError()])
async def test_a_run_that_breaks_is_due_again_and_stops_nothing(error: BaseException):
    clock, runs = FakeClock(), Runs()

    async def run(uid: str, trigger: Trigger, lag: float) -> float | None:
        if uid == "broken":
            raise error
        return await runs(uid, trigger, lag)

    async with serving(run, clock) as scheduler:
        with capture_logs() as logs:
            scheduler.set("broken", clock.now())
            scheduler.set("well", clock.now())
            await runs.until(1)
            await settle()
        assert scheduler._timetable.at("broken") == clock.monotonic() + 60
        assert [entry["log_level"] for entry in logs] == ["error"]


async def test_a_thousand_due_at_once_all_run():
    clock, runs = FakeClock(), Runs()
    async with serving(runs, clock) as scheduler:
        for n in range(1000):
            scheduler.set(f"b{n}", clock.now())
        await runs.until(1000)
        assert len({uid for uid, _ in runs.started}) == 1000


BURST = {"debounce": 1.0, "max_wait": 10.0}


async def later(scheduler: Scheduler, clock: FakeClock, seconds: float) -> None:
    clock.advance(seconds)
    scheduler._wake.set()
    await settle()


async def test_w3_ten_thousand_triggers_cause_three_runs_and_the_last_one_sees_them_all():
    clock, runs = FakeClock(), Runs()
    async with serving(runs, clock) as scheduler:
        for n in range(10_000):
            scheduler.trigger("a", Trigger.WEBHOOK, **BURST)
            clock.advance(0.001)
            if n % 50 == 0:
                await later(scheduler, clock, 0)
        last_at = len(runs.started)
        await later(scheduler, clock, 1)
        assert len(runs.started) <= 3
        assert len(runs.started) > last_at
        await later(scheduler, clock, 1)
        assert len(scheduler._bursts) == 0
        assert scheduler._by_time == {}


async def test_a_burst_puts_its_run_off_until_it_is_over():
    clock, runs = FakeClock(), Runs()
    async with serving(runs, clock) as scheduler:
        assert scheduler.trigger("a", Trigger.WEBHOOK, **BURST) is True
        await settle()
        assert scheduler.trigger("a", Trigger.WEBHOOK, **BURST) is True
        await later(scheduler, clock, 0.75)
        assert scheduler.trigger("a", Trigger.WEBHOOK, **BURST) is False
        await later(scheduler, clock, 0.75)
        assert len(runs.started) == 1
        await later(scheduler, clock, 0.25)
        assert runs.started == [("a", Trigger.WEBHOOK)] * 2


async def test_who_asks_by_hand_does_not_wait_for_the_end_of_a_burst():
    clock, runs = FakeClock(), Runs()
    async with serving(runs, clock) as scheduler:
        scheduler.trigger("a", Trigger.WEBHOOK, **BURST)
        await settle()
        scheduler.trigger("a", Trigger.WEBHOOK, **BURST)
        assert scheduler.trigger("a", Trigger.MANUAL) is False
        await settle()
        await later(scheduler, clock, 5)
        assert runs.started == [("a", Trigger.WEBHOOK), ("a", Trigger.MANUAL)]


async def test_a_poll_that_comes_due_takes_what_was_gathered_with_it():
    clock, runs = FakeClock(), Runs()
    async with serving(runs, clock) as scheduler:
        scheduler.trigger("a", Trigger.WEBHOOK, **BURST)
        await settle()
        scheduler.set("a", clock.now() + 0.5)
        scheduler.trigger("a", Trigger.WEBHOOK, **BURST)
        await later(scheduler, clock, 0.5)
        assert len(runs.started) == 2
        await later(scheduler, clock, 5)
        assert len(runs.started) == 2


@pytest.mark.parametrize("due_in", [0.5, 3.0, None])
async def test_a_time_that_is_set_while_triggers_are_gathered_loses_none(due_in: float | None):
    clock, runs = FakeClock(), Runs()
    async with serving(runs, clock) as scheduler:
        scheduler.trigger("a", Trigger.WEBHOOK, **BURST)
        await settle()
        scheduler.trigger("a", Trigger.WEBHOOK, **BURST)
        scheduler.set("a", clock.now() + 2)
        scheduler.set("a", None if due_in is None else clock.now() + due_in)
        await later(scheduler, clock, 0.5)
        assert len(runs.started) == (2 if due_in == 0.5 else 1)
        await later(scheduler, clock, 0.5)
        assert len(runs.started) == 2


async def test_triggers_during_a_run_are_gathered_until_after_it():
    clock, runs = FakeClock(), Runs()
    runs.gate.clear()
    runs.next_due = clock.now() + 300
    async with serving(runs, clock) as scheduler:
        scheduler.trigger("a", Trigger.WEBHOOK, **BURST)
        await runs.until(1)
        scheduler.trigger("a", Trigger.WEBHOOK, **BURST)
        await later(scheduler, clock, 0.5)
        runs.gate.set()
        await settle()
        assert len(runs.started) == 1
        await later(scheduler, clock, 0.5)
        assert runs.started == [("a", Trigger.WEBHOOK)] * 2
        assert scheduler._timetable.at("a") == pytest.approx(clock.monotonic() + 299)


async def test_a_trigger_during_a_run_that_time_has_started_runs_right_after_it():
    clock, runs = FakeClock(), Runs()
    runs.gate.clear()
    runs.next_due = clock.now() + 300
    async with serving(runs, clock) as scheduler:
        scheduler.set("a", clock.now())
        await runs.until(1)
        for _ in range(3):
            scheduler.trigger("a", Trigger.WEBHOOK, **BURST)
            await later(scheduler, clock, 0.1)
        assert len(runs.started) == 1
        runs.gate.set()
        await settle()
        assert runs.started == [("a", Trigger.TTL), ("a", Trigger.WEBHOOK)]
        scheduler.trigger("a", Trigger.WEBHOOK, **BURST)  # now a burst has begun
        await later(scheduler, clock, 0.9)
        assert len(runs.started) == 2
        await later(scheduler, clock, 0.1)
        assert len(runs.started) == 3
        assert scheduler._triggered == set()


async def test_a_binding_that_was_stopped_in_a_run_is_polled_again_when_it_is_back():
    clock, runs, ended = FakeClock(), Runs(), []
    runs.gate.clear()
    async with serving(runs, clock) as scheduler:
        scheduler.on_run_end(ended.append)
        scheduler.set("a", clock.now())
        await runs.until(1)
        assert await scheduler.stop("a", 5)
        assert ended == ["a"]
        runs.gate.set()
        runs.next_due = clock.now() + 50
        scheduler.set("a", clock.now())
        await runs.until(2)
        await settle()
        assert scheduler._timetable.at("a") == clock.monotonic() + 50


async def test_a_removed_binding_leaves_no_burst_behind():
    clock, runs = FakeClock(), Runs()
    async with serving(runs, clock) as scheduler:
        scheduler.trigger("a", Trigger.WEBHOOK, **BURST)
        await settle()
        scheduler.set("a", clock.now() + 50)
        scheduler.trigger("a", Trigger.WEBHOOK, **BURST)
        scheduler.remove("a")
        await later(scheduler, clock, 100)
        assert len(runs.started) == 1
        assert len(scheduler._bursts) == 0
        assert scheduler._by_time == {}


async def test_a_trigger_is_not_late_because_something_else_is_due_within_the_slack():
    clock, runs = FakeClock(), Runs()
    async with serving(runs, clock) as scheduler:
        scheduler.set("poll", clock.now() + 0.01)
        await settle()
        clock.advance(0.05)  # the poll may be late; the scheduler sleeps on
        scheduler.trigger("a", Trigger.WEBHOOK)
        await settle()
        assert ("a", Trigger.WEBHOOK) in runs.started


async def test_the_end_of_every_run_is_told():
    clock, runs, ended = FakeClock(), Runs(), []
    async with serving(runs, clock) as scheduler:
        scheduler.on_run_end(ended.append)
        scheduler.trigger("a", Trigger.MANUAL)
        scheduler.trigger("b", Trigger.MANUAL)
        await runs.until(2)
        await settle()
        assert ended == ["a", "b"]
