"""When the configuration is read, and that it is never read half."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from repaintd.config import Problem
from repaintd.errors import ConfigurationError
from repaintd.runtime.reload import MOST_WAITING, Outcome, Pace, ReloadBroke, Reloads
from repaintd.runtime.reload_guard import EmptiedGuard
from repaintd.testing.virtual_time import VirtualClock, in_virtual_time

BAD = ConfigurationError([Problem(file="bindings/a.yaml", message="is no good")])


class Tree:
    """A directory: what a load finds, and a signature that moves as it is told."""

    def __init__(self) -> None:
        self.content: object = "first"
        self.version = 1
        self.moves_until = 0.0
        self.while_loading = lambda: None
        self.loads = 0
        self.takes = 0.0

    def write(self, content: object) -> None:
        self.content = content
        self.version += 1

    def signature(self) -> bytes:
        now = asyncio.get_running_loop().time()
        moving = now if now < self.moves_until else 0
        return f"{self.version} {moving}".encode()

    def load(self) -> object:
        self.loads += 1
        content = self.content
        self.while_loading()
        if isinstance(content, Exception):
            raise content
        return content


class Verdicts:
    def __init__(self) -> None:
        self.accepted: list[object] = []
        self.rejected: list[object] = []
        self.steps: list[str] = []
        self.due = False
        self.during = None
        self.error: Exception | None = None

    def begin(self) -> None:
        self.steps.append("begin")

    def end(self) -> None:
        self.steps.append("end")

    def is_due(self) -> bool:
        return self.due

    async def accept(self, loaded):
        if self.error is not None:
            raise self.error
        if self.during is not None:
            await self.during()
        changed = loaded != (self.accepted or ["first"])[-1]
        self.accepted.append(loaded)
        return {"now": loaded} if changed else None

    async def reject(self, problems) -> None:
        self.rejected.append(problems)


class House:
    def __init__(self, *, poll: float = 30.0) -> None:
        self.tree, self.verdicts = Tree(), Verdicts()
        self.reloads = Reloads(
            self.tree,
            self.verdicts,
            pace=lambda: Pace(settle=0.5, longest=10, poll=poll),
            clock=VirtualClock(),
            log=structlog.get_logger(),
            seen=b"1 0",
            in_thread=self._now,
        )

    async def _now(self, function):
        if function == self.tree.load and self.tree.takes:
            await asyncio.sleep(self.tree.takes)
        return function()

    async def __aenter__(self):
        self.task = asyncio.create_task(self.reloads.serve())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.wait([self.task])


def now() -> float:
    return asyncio.get_running_loop().time()


@in_virtual_time
async def test_a_tree_that_is_what_it_was_is_not_read():
    async with House() as house:
        house.reloads.notice()
        await asyncio.sleep(100)
        assert (house.tree.loads, house.verdicts.steps) == (0, [])


@in_virtual_time
async def test_what_changed_between_start_and_serving_is_found_at_once():
    house = House()
    house.tree.write("second")
    async with house:
        await asyncio.sleep(1)
        assert house.verdicts.accepted == ["second"]


@in_virtual_time
async def test_c3_a_change_that_somebody_noticed_is_applied_within_two_seconds():
    async with House() as house:
        await asyncio.sleep(3)
        house.tree.write("second")
        house.reloads.notice()
        await asyncio.sleep(2)
        assert house.verdicts.accepted == ["second"]
        assert house.verdicts.steps == ["begin", "end"]


@in_virtual_time
async def test_c3_a_change_that_nobody_noticed_is_found_by_looking():
    async with House(poll=30) as house:
        await asyncio.sleep(1)
        house.tree.write("second")
        await asyncio.sleep(31)
        assert house.verdicts.accepted == ["second"]


@in_virtual_time
async def test_c3_a_checkout_of_a_thousand_files_is_one_reload():
    async with House() as house:
        house.tree.moves_until = 5.0
        for n in range(1000):
            house.tree.write(f"state {n}")
            house.reloads.notice()
            await asyncio.sleep(0.004)
        await asyncio.sleep(10)
        assert house.verdicts.accepted == ["state 999"]
        assert house.tree.loads == 1


@in_virtual_time
async def test_c3_a_tree_that_changes_while_it_is_read_is_read_again():
    async with House() as house:
        versions = iter(["half", "whole"])

        def checkout() -> None:
            content = next(versions, None)
            if content is not None:
                house.tree.write(content)

        house.tree.while_loading = checkout
        house.tree.write("nothing yet")
        house.reloads.notice()
        await asyncio.sleep(10)
        assert house.verdicts.accepted == ["whole"]
        assert house.tree.loads == 3


@in_virtual_time
async def test_a_tree_that_never_holds_still_is_used_if_it_loads_whole():
    async with House() as house:
        house.tree.moves_until = 1e9
        house.tree.write("second")
        house.reloads.notice()
        await asyncio.sleep(9)
        assert house.verdicts.accepted == []
        await asyncio.sleep(3)
        assert house.verdicts.accepted == ["second"]


@in_virtual_time
async def test_a_tree_that_never_holds_still_is_not_called_bad_before_the_third_time():
    async with House() as house:
        house.tree.moves_until = 1e9
        house.tree.write(BAD)
        house.reloads.notice()
        await asyncio.sleep(29)
        assert house.verdicts.rejected == []
        await asyncio.sleep(5)
        assert house.verdicts.rejected == [BAD.problems]


@in_virtual_time
async def test_a_slow_checkout_that_passes_through_a_bad_tree_is_never_rejected():
    async with House() as house:
        house.tree.moves_until = 15
        house.tree.write(BAD)
        house.reloads.notice()
        await asyncio.sleep(14)
        house.tree.write("whole")
        await asyncio.sleep(20)
        assert (house.verdicts.rejected, house.verdicts.accepted) == ([], ["whole"])


@in_virtual_time
async def test_the_outcome_is_told_to_who_asked():
    async with House() as house:
        assert await house.reloads.reload() == Outcome()
        house.tree.write("second")
        assert await house.reloads.reload() == Outcome(applied={"now": "second"})
        house.tree.write(BAD)
        assert await house.reloads.reload() == Outcome(problems=BAD.problems)
        assert house.verdicts.steps == ["begin", "end"] * 3


@in_virtual_time
async def test_a_bad_tree_is_read_once_until_it_changes_or_somebody_asks():
    async with House() as house:
        house.tree.write(BAD)
        await asyncio.sleep(100)
        assert (house.tree.loads, len(house.verdicts.rejected)) == (1, 1)
        house.reloads.ask()
        await asyncio.sleep(1)
        assert house.tree.loads == 2


@in_virtual_time
async def test_what_is_asked_for_during_a_reload_causes_one_more_after_it():
    async with House() as house:
        house.tree.takes, running, most = 5.0, 0, 0

        async def count() -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(1)
            running -= 1

        house.verdicts.during = count
        first = asyncio.create_task(house.reloads.reload())
        await asyncio.sleep(2)
        house.tree.write("second")
        others = [asyncio.create_task(house.reloads.reload()) for _ in range(10)]
        house.reloads.ask()
        house.reloads.notice()
        outcomes = await asyncio.gather(first, *others)
        await asyncio.sleep(100)
        assert house.tree.loads == 3  # the first found a change while it read, and read again
        assert most == 1
        assert outcomes[0].applied == {"now": "second"}
        assert {outcome.applied for outcome in outcomes[1:]} == {None}


@in_virtual_time
async def test_what_an_accepted_tree_turns_out_to_need_can_refuse_it_still():
    async with House() as house:
        house.verdicts.error = BAD
        assert (await house.reloads.reload()).problems == BAD.problems
        assert house.verdicts.rejected == [BAD.problems]


@in_virtual_time
async def test_a_bug_in_a_reload_is_told_and_the_next_one_works():
    async with House() as house:
        house.verdicts.error = ZeroDivisionError()
        with capture_logs() as logs, pytest.raises(ReloadBroke, match="ZeroDivisionError"):
            await house.reloads.reload()
        assert logs[-1]["event"] == "a reload broke; please report this"
        assert house.verdicts.steps == ["begin", "end"]
        house.verdicts.error = None
        assert await house.reloads.reload() == Outcome()


@in_virtual_time
async def test_who_left_is_not_waited_for_and_too_many_are_turned_away():
    async with House() as house:
        house.tree.takes = 3.0
        gone = asyncio.create_task(house.reloads.reload())
        await asyncio.sleep(1)
        gone.cancel()
        waiting = [asyncio.create_task(house.reloads.reload()) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(ReloadBroke, match="wait for a reload already"):
            await house.reloads.reload()
        assert await asyncio.gather(*waiting) == [Outcome()] * MOST_WAITING


@in_virtual_time
async def test_a_tree_that_is_to_be_seen_twice_is_looked_at_again():
    async with House(poll=30) as house:
        await asyncio.sleep(1)
        house.verdicts.due = True
        await asyncio.sleep(31)
        assert house.tree.loads >= 1


def test_an_emptied_configuration_is_believed_when_it_was_seen_twice():
    guard = EmptiedGuard(seconds=30)
    refusal = guard.refusal(before=1234, after=0, now=100.0)
    assert refusal is not None
    assert "all 1,234 and their images stay" in refusal
    assert guard.refusal(before=1234, after=0, now=129.0) is not None
    assert not guard.is_due(129.0)
    assert guard.is_due(130.0)
    assert guard.refusal(before=1234, after=0, now=130.0) is None


def test_an_emptied_configuration_that_was_something_else_meanwhile_begins_anew():
    guard = EmptiedGuard(seconds=30)
    assert guard.refusal(before=3, after=0, now=0.0) is not None
    assert guard.refusal(before=3, after=2, now=10.0) is None
    assert guard.refusal(before=2, after=0, now=40.0) is not None
    guard.forget()
    assert guard.refusal(before=2, after=0, now=80.0) is not None


@pytest.mark.parametrize(("allow", "before", "after"), [(True, 5, 0), (False, 0, 0), (False, 5, 1)])
def test_other_configurations_need_no_second_look(allow, before, after):
    assert EmptiedGuard(allow=allow).refusal(before=before, after=after, now=0.0) is None
