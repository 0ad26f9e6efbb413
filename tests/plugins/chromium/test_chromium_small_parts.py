"""Fuse, chores, turns and threads."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry

from repaintd.plugin import RenderFailed
from repaintd_chromium.chores import Chores
from repaintd_chromium.faults import Lost, first_line
from repaintd_chromium.fuse import Fuse
from repaintd_chromium.metrics import registered
from repaintd_chromium.threads import Threads
from repaintd_chromium.turns import Turns


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_a_fuse_ends_its_block_at_the_deadline() -> None:
    with pytest.raises(TimeoutError):
        async with Fuse(soon(0.01)):
            await asyncio.Event().wait()


async def test_a_blown_fuse_ends_its_block_at_once_with_the_first_cause() -> None:
    fuse, loop = Fuse(soon(60)), asyncio.get_running_loop()
    loop.call_soon(fuse.blow, Lost("first", reason="page_crashed"))
    loop.call_soon(fuse.blow, Lost("second", reason="browser_crashed"))
    with pytest.raises(Lost, match="first"):
        async with fuse:
            await asyncio.Event().wait()


async def test_a_fuse_blown_before_its_block_does_not_enter_it() -> None:
    fuse = Fuse(soon(60))
    fuse.blow(Lost("gone", reason="browser_crashed"))
    with pytest.raises(Lost, match="gone"):
        async with fuse:
            pytest.fail("entered")


async def test_a_fuse_names_the_cause_of_an_error_that_came_of_it() -> None:
    fuse = Fuse(soon(60))

    def break_off() -> None:
        fuse.blow(Lost("gone", reason="page_crashed"))
        raise ValueError("connection closed")

    with pytest.raises(Lost, match="gone"):
        async with fuse:
            break_off()


async def test_a_fuse_blown_after_its_block_changes_nothing() -> None:
    fuse = Fuse(soon(60))
    async with fuse:
        pass
    fuse.blow(Lost("late", reason="page_crashed"))
    assert 59 < fuse.remaining <= 60


async def test_chores_end_at_their_deadline_and_say_so() -> None:
    with structlog.testing.capture_logs() as logged:
        chores, late = Chores(structlog.get_logger()), asyncio.Event()
        chores.add(lambda: asyncio.sleep(60), name="nap", seconds=0.01, otherwise=late.set)
        await asyncio.wait_for(late.wait(), 1)
        chores.add(fail, name="fail", seconds=1)
        await asyncio.sleep(0.01)
        await chores.close()
    assert [entry["work"] for entry in logged] == ["nap", "fail"]


async def fail() -> None:
    raise OSError("no")


async def test_chores_do_not_outlive_their_owner() -> None:
    chores = Chores(structlog.get_logger())
    chores.add(lambda: asyncio.sleep(60), name="nap", seconds=60)
    assert "nap" in {task.get_name() for task in asyncio.all_tasks()}
    await chores.close()
    assert len(asyncio.all_tasks()) == 1


async def test_turns_are_taken_in_order_and_counted_while_waiting() -> None:
    registry, order = CollectorRegistry(), []
    with registered(registry) as metrics:
        turns = Turns(at_once=1, max_waiting=2, depth=metrics.waiting)

        def depth() -> Any:
            return registry.get_sample_value("repaintd_render_queue_depth")

        async def work(name: str) -> None:
            async with turns.turn():
                order.append((name, depth()))

        async with asyncio.TaskGroup() as group, turns.turn():
            group.create_task(work("a"))
            group.create_task(work("b"))
            await asyncio.sleep(0)
            assert depth() == 2
            with pytest.raises(RenderFailed, match="maxWaiting") as failure:
                async with turns.turn():
                    pytest.fail("a third one waits")
            assert failure.value.reason == "overloaded"
        assert order == [("a", 1), ("b", 0)]
    assert depth() is None


async def test_a_cancelled_wait_for_a_turn_is_no_longer_counted() -> None:
    registry = CollectorRegistry()
    with registered(registry) as metrics:
        turns = Turns(at_once=1, max_waiting=2, depth=metrics.waiting)
        async with turns.turn():
            waiting = asyncio.create_task(turns.turn().__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            assert registry.get_sample_value("repaintd_render_queue_depth") == 0


async def test_threads_return_and_raise_what_the_function_does() -> None:
    async with Threads(1, name="test") as threads:
        assert await threads.run(max, 1, 2) == 2
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 / 0)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError("one\ntwo"), "one"),
        (ValueError(""), "ValueError"),
        (ValueError("x" * 999), "x" * 300),
    ],
)
def test_first_line_is_short(error: Exception, line: str) -> None:
    assert first_line(error) == line
