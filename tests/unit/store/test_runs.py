from __future__ import annotations

import sqlite3

import pytest
from structlog.testing import capture_logs

from repaintd.core.run import KEPT, KEPT_FAILURES, Ending, Run, Streak, kept
from repaintd.core.state import Trigger
from repaintd.errors import StoreUnavailable
from repaintd.store import read_runs
from repaintd.store.runs import MOST_LINES, RunLines


def run(number: int, *, failed: bool = False, **changes: object) -> Run:
    ending = Ending.FAILED if failed else Ending.PUBLISHED
    values = {"trigger": Trigger.TTL, "at": float(number), "last_at": float(number), **changes}
    return Run(number=number, ending=ending, **values)


def numbers(runs: list[Run]) -> list[int]:
    return [each.number for each in runs]


async def test_a_run_is_written_with_the_commit_that_it_led_to(opened, make_state, tmp_path):
    async with opened() as store:
        store.log_run("card", run(1))
        await store.commit(make_state())

        assert await read_runs(tmp_path / "state", "card") == [run(1)]
        assert await store.runs("card") == [run(1)]


async def test_a_run_is_written_with_the_note_that_it_led_to(opened, make_state, tmp_path):
    async with opened() as store:
        store.log_run("card", run(1))
        store.note(make_state())
        assert await store.runs("card") == [run(1)]
    assert await read_runs(tmp_path / "state", "card") == [run(1)]


async def test_the_latest_runs_and_the_latest_failures_are_kept(either, make_state):
    for number in range(1, 101):
        either.log_run("card", run(number, failed=number <= 50))
        await either.commit(make_state())

    assert numbers(await either.runs("card")) == [*range(41, 51), *range(81, 101)]


async def test_of_many_failures_in_a_row_the_latest_are_kept(either, make_state):
    for number in range(1, 101):
        either.log_run("card", run(number, failed=True))
        await either.commit(make_state())

    assert numbers(await either.runs("card")) == list(range(81, 101))


async def test_what_sqlite_keeps_is_what_is_kept_in_memory(opened, make_state, tmp_path):
    runs = [run(number, failed=number % 7 in {0, 1}) for number in range(1, 150)]
    async with opened() as store:
        for each in runs:
            store.log_run("card", each)
            await store.commit(make_state())
    assert await read_runs(tmp_path / "state", "card") == kept(runs)
    assert len(kept(runs)) <= KEPT + KEPT_FAILURES


async def test_a_binding_that_is_forgotten_leaves_no_runs(either, make_state):
    either.log_run("card", run(1))
    either.log_run("other", run(1))
    await either.commit(make_state())
    await either.commit(make_state("other"))
    either.log_run("card", run(2))
    await either.forget("card")

    assert await either.runs("card") == []
    assert await either.runs("other") == [run(1)]


async def test_runs_of_a_binding_that_is_made_anew_are_not_mixed_with_the_old(opened, make_state):
    async with opened() as store:
        store.log_run("card", run(1, failed=True))
        await store.commit(make_state())
        await store.forget("card")
        store.log_run("card", run(1))
        await store.commit(make_state())
        assert await store.runs("card") == [run(1)]


async def test_a_run_waits_for_a_database_that_refuses(opened, make_state, tmp_path):
    async with opened(busy_timeout=0.01) as store:
        other = sqlite3.connect(tmp_path / "state" / "state.sqlite3")
        other.execute("BEGIN IMMEDIATE")
        store.log_run("card", run(1))
        with capture_logs(), pytest.raises(StoreUnavailable):
            await store.commit(make_state())
        assert await store.runs("card") == [run(1)]
        other.close()

        await store.commit(make_state())
    assert await read_runs(tmp_path / "state", "card") == [run(1)]


async def test_a_run_that_cannot_be_stored_is_told_and_stops_no_other(opened, make_state, tmp_path):
    async with opened() as store:
        store.log_run("card", run(1, changed=(object(),)))
        store.log_run("card", run(2))
        with capture_logs() as logs:
            await store.commit(make_state())
    assert [entry["event"] for entry in logs] == ["run cannot be stored"]
    assert await read_runs(tmp_path / "state", "card") == [run(2)]


async def test_a_run_that_sqlite_refuses_is_told_and_stops_no_other(opened, make_state, tmp_path):
    with capture_logs() as logs:
        async with opened() as store:
            store.log_run("card", run(2**70))
            await store.commit(make_state())
    assert [entry["event"] for entry in logs] == ["run cannot be stored"]
    assert await read_runs(tmp_path / "state", "card") == []


async def test_a_run_that_cannot_be_read_is_left_out(opened, make_state, tmp_path):
    async with opened() as store:
        store.log_run("card", run(1))
        store.log_run("card", run(2))
        await store.commit(make_state())
    with sqlite3.connect(tmp_path / "state" / "state.sqlite3") as other:
        other.execute("UPDATE runs SET run = x'00' WHERE number = 1")
    other.close()
    with capture_logs() as logs:
        assert await read_runs(tmp_path / "state", "card") == [run(2)]
    assert [entry["event"] for entry in logs] == ["run cannot be read"]


async def test_without_a_database_there_are_no_runs(tmp_path):
    assert await read_runs(tmp_path, "card") == []


async def test_a_database_from_before_the_log_has_no_runs(opened, tmp_path):
    async with opened():
        pass
    with sqlite3.connect(tmp_path / "state" / "state.sqlite3") as other:
        other.executescript("DROP TABLE runs; PRAGMA user_version = 2")
    other.close()
    assert await read_runs(tmp_path / "state", "card") == []
    async with opened() as store:
        assert await store.runs("card") == []


def test_lines_that_wait_are_bounded():
    lines = RunLines()
    for number in range(1, 1001):
        lines.add("card", run(number))
    assert len(lines.of(["card"])) <= 2 * (KEPT + KEPT_FAILURES)
    for number in range(MOST_LINES):
        lines.add(f"b{number}", run(1))
    assert lines.of(["card"]) == ()
    assert len(lines.of(f"b{number}" for number in range(MOST_LINES))) == MOST_LINES


def test_what_was_written_waits_no_more_but_what_came_meanwhile_does():
    lines = RunLines()
    lines.add("card", run(1))
    batch = lines.of(["card", "other"])
    lines.add("card", run(2))
    lines.done(batch)
    assert lines.of(["card"]) == (("card", run(2)),)
    lines.done(lines.of(["card"]))
    lines.done(batch)
    assert lines.of(["card"]) == ()


def test_a_streak_with_nothing_in_it_is_no_run():
    assert Streak(number=3).closed(1.0) is None
    assert Streak(number=3).next_number == 3
