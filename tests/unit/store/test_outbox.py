"""What is remembered of deliveries."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from repaintd.core.event import WEBHOOK_DISABLED
from repaintd.errors import StoreUnavailable
from repaintd.store.batch import Batch

if TYPE_CHECKING:
    from pathlib import Path

    from repaintd.store.live import Written


def _other_process(tmp_path: Path) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "state" / "state.sqlite3", isolation_level=None)


async def _riders_written(store) -> None:
    async with asyncio.timeout(10):
        while len(store._writer._riders):
            await asyncio.sleep(0.01)


async def test_a_sink_is_remembered_as_it_was_kept(either, make_sink):
    assert dict(either.sinks()) == {}
    record = make_sink(cursor=7, status="failed", reason="410", exhausted=5, fingerprint="f")
    await either.keep_sink(record)
    assert dict(either.sinks()) == {"mqtt": record}


async def test_sinks_are_there_after_reopening(opened, make_sink):
    records = {
        "mqtt": make_sink(cursor=7, status="failed", reason="bad \ud800", exhausted=5),
        "webhooks/a": make_sink("webhooks/a", fingerprint="f"),
    }
    async with opened() as store:
        await asyncio.gather(*(store.keep_sink(each) for each in records.values()))
    async with opened() as store:
        assert dict(store.sinks()) == {
            **records,
            "mqtt": replace(records["mqtt"], reason="bad ?"),
        }


async def test_a_noted_cursor_is_known_at_once_and_never_goes_back(either, make_sink):
    await either.keep_sink(make_sink(cursor=5))
    either.note_cursor("mqtt", 9)
    either.note_cursor("mqtt", 8)
    assert either.sinks()["mqtt"].cursor == 9
    await either.keep_sink(make_sink(cursor=3))
    assert either.sinks()["mqtt"].cursor == 3


async def test_a_noted_cursor_is_written_soon_by_itself(opened, make_sink, tmp_path):
    async with opened() as store:
        await store.keep_sink(make_sink())
        store.note_cursor("mqtt", 3)
        await _riders_written(store)
        with closing(_other_process(tmp_path)) as other:
            assert other.execute("SELECT cursor FROM sinks").fetchall() == [(3,)]


async def test_cursors_and_lines_are_written_with_whatever_is_written_next(
    opened, make_sink, make_line, tmp_path, monkeypatch
):
    monkeypatch.setattr("repaintd.store.writer.SOON", 1e6)
    async with opened() as store:
        await store.keep_sink(make_sink())
        store.note_cursor("mqtt", 3)
        store.log_delivery(make_line())
        await store.probe()
        assert not len(store._writer._riders)
        assert await store.deliveries() == [make_line()]


async def test_cursors_and_lines_are_written_when_the_store_closes(
    opened, make_sink, make_line, monkeypatch
):
    monkeypatch.setattr("repaintd.store.writer.SOON", 1e6)
    async with opened() as store:
        await store.keep_sink(make_sink())
        store.note_cursor("mqtt", 3)
        store.log_delivery(make_line())
    async with opened() as store:
        assert store.sinks()["mqtt"].cursor == 3
        assert await store.deliveries() == [make_line()]


@pytest.mark.parametrize("cursors", [[9, 8], [4, 4], [2, 3]])
async def test_a_cursor_noted_before_a_sink_is_kept_is_obsolete_and_one_noted_after_is_not(
    opened, make_sink, cursors
):
    before, after = cursors
    async with opened() as store:
        await store.keep_sink(make_sink())
        store.note_cursor("mqtt", before)
        keeping = asyncio.create_task(store.keep_sink(make_sink(cursor=1)))
        await asyncio.sleep(0)
        store.note_cursor("mqtt", after)
        await keeping
        assert store.sinks()["mqtt"].cursor == after
    async with opened() as store:
        assert store.sinks()["mqtt"].cursor == after


async def test_what_is_noted_is_never_written_ahead_of_what_was_asked_before(
    opened, make_state, make_sink, make_line, make_intake
):
    """A binding's trigger and its end are two transactions; what is asked behind is the second."""
    async with opened() as store:
        asked = asyncio.gather(
            store.accept(make_intake("gone")),
            store.forget("gone"),
            store.commit(make_state(error_count=1)),
            store.keep_sink(make_sink(cursor=1)),
            store.forget_sink("other"),
        )
        await asyncio.sleep(0)
        store.note(make_state(error_count=2))
        store.note_cursor("mqtt", 2)
        store.log_delivery(make_line(sink="other"))
        await asked
        assert store.sinks()["mqtt"].cursor == 2
    async with opened() as store:
        assert store.states()["card"].error_count == 2
        assert store.sinks()["mqtt"].cursor == 2
        assert len(await store.deliveries(sink="other")) == 1


async def test_a_cursor_is_never_written_ahead_of_what_is_owed_up_to_there(
    opened, make_sink, make_entry, make_intake, monkeypatch
):
    rides = []
    real = Batch.write

    async def write(batch: Batch, *args: object, **values: object) -> Written:
        rides.append((bool(batch.ride), [bool(each.change) for each in batch.writes]))
        return await real(batch, *args, **values)

    async with opened() as store:
        await store.keep_sink(make_sink())
        monkeypatch.setattr(Batch, "write", write)
        asked = asyncio.gather(
            store.accept(make_intake("gone")),
            store.forget("gone"),
            store.keep_owed([make_entry(1)]),
        )
        await asyncio.sleep(0)
        store.note_cursor("mqtt", 1)
        await asked
    assert rides == [(False, [False]), (True, [False, True])]


async def test_a_sink_that_is_put_back_stays_back(opened, make_sink):
    async with opened() as store:
        await store.keep_sink(make_sink())
        store.note_cursor("mqtt", 100)
        await store.keep_sink(make_sink(cursor=5))
    async with opened() as store:
        assert store.sinks()["mqtt"].cursor == 5


async def test_a_cursor_survives_that_a_sink_cannot_be_kept(opened, make_sink, tmp_path):
    async with opened() as store:
        await store.keep_sink(make_sink(cursor=1))
        store.note_cursor("mqtt", 7)
        with closing(_other_process(tmp_path)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable):
                await store.keep_sink(make_sink(cursor=2))
            other.execute("ROLLBACK")
        assert store.sinks()["mqtt"].cursor == 7
    async with opened() as store:
        assert store.sinks()["mqtt"].cursor == 7


async def test_a_cursor_of_a_sink_that_nobody_kept_is_nothing(either):
    either.note_cursor("nobody", 3)
    assert dict(either.sinks()) == {}


async def test_a_sink_that_goes_takes_all_along(either, make_sink, make_entry, make_line):
    for name in ("mqtt", "webhooks/a"):
        await either.keep_sink(make_sink(name))
        await either.keep_owed([make_entry(sink=name)])
        either.log_delivery(make_line(sink=name))
    either.note_cursor("mqtt", 3)
    await either.forget_sink("mqtt")

    assert set(either.sinks()) == {"webhooks/a"}
    assert await either.owed("mqtt") == []
    assert await either.owed("webhooks/a") == [make_entry(sink="webhooks/a")]
    assert [each.sink for each in await either.deliveries()] == ["webhooks/a"]


async def test_a_sink_that_comes_back_at_once_starts_afresh(opened, make_sink, make_entry):
    async with opened() as store:
        await store.keep_sink(make_sink())
        store.note_cursor("mqtt", 50)
        await asyncio.gather(
            store.keep_owed([make_entry(1)]),
            store.forget_sink("mqtt"),
            store.keep_sink(make_sink(cursor=2)),
            store.keep_owed([make_entry(2)]),
        )
        assert store.sinks()["mqtt"].cursor == 2
        assert [each.event.position for each in await store.owed("mqtt")] == [2]
    async with opened() as store:
        assert store.sinks()["mqtt"].cursor == 2


async def test_lines_survive_that_a_sink_cannot_be_forgotten(
    opened, make_sink, make_line, tmp_path
):
    async with opened() as store:
        await store.keep_sink(make_sink())
        store.log_delivery(make_line(1))
        store.note_cursor("mqtt", 7)
        with closing(_other_process(tmp_path)) as other:
            other.execute("BEGIN IMMEDIATE")
            forgetting = asyncio.create_task(store.forget_sink("mqtt"))
            await asyncio.sleep(0)
            store.log_delivery(make_line(2))
            with pytest.raises(StoreUnavailable):
                await forgetting
            other.execute("ROLLBACK")
        await store.probe()
        assert [each.position for each in await store.deliveries()] == [2, 1]
    async with opened() as store:
        assert store.sinks()["mqtt"].cursor == 7


async def test_what_is_owed_is_read_by_position_with_its_event(either, make_entry):
    entries = [
        make_entry(3, dead=True, error="500", attempts=6),
        make_entry(1, due_at=2.5, attempts=1, error="timeout"),
        make_entry(2),
    ]
    await either.keep_owed(entries)
    await either.keep_owed([make_entry(9, sink="other")])
    assert await either.owed("mqtt") == sorted(entries, key=lambda each: each.event.position)


async def test_what_is_owed_is_replaced_and_dropped(either, make_entry):
    await either.keep_owed([make_entry(number) for number in range(1, 5)])
    await either.keep_owed([make_entry(2, attempts=3, error="e")])
    await either.drop_owed("mqtt", [1, 3, 99])
    assert await either.owed("mqtt") == [make_entry(2, attempts=3, error="e"), make_entry(4)]


async def test_of_what_is_asked_together_the_latest_word_counts(opened, make_entry):
    async with opened() as store:
        await asyncio.gather(
            store.keep_owed([make_entry(1), make_entry(2)]),
            store.drop_owed("mqtt", [1]),
            store.keep_owed([make_entry(1, attempts=2)]),
            store.drop_owed("mqtt", [2]),
        )
        assert await store.owed("mqtt") == [make_entry(1, attempts=2)]


async def test_what_is_owed_outlives_its_event(opened, make_state, make_event, make_entry):
    async with opened(keep_events=1) as store:
        await store.commit(make_state(), [make_event(1)])
        (event,) = await store.events()
        await store.keep_owed([replace(make_entry(), event=event)])
        await store.commit(make_state(), [make_event(2)])
        assert await store.position_of(event.id) is None
    async with opened() as store:
        assert [each.event for each in await store.owed("mqtt")] == [event]


async def test_dead_letters_are_bounded_for_each_sink_and_debts_are_not(
    opened, make_entry, monkeypatch
):
    monkeypatch.setattr("repaintd.store.outbox.MOST_DEAD", 10)
    async with opened() as store:
        await store.keep_owed([make_entry(number) for number in range(1, 6)])
        await store.keep_owed([make_entry(1, sink="other", dead=True)])
        for number in range(6, 40):
            await store.keep_owed([make_entry(number, dead=True)])
        owed = await store.owed("mqtt")
        assert [each.event.position for each in owed] == [*range(1, 6), *range(30, 40)]
        assert len(await store.owed("other")) == 1


async def test_a_great_many_dead_letters_are_pruned_in_small_steps(opened, make_entry, monkeypatch):
    monkeypatch.setattr("repaintd.store.outbox.MOST_DEAD", 10)
    monkeypatch.setattr("repaintd.store.outbox._STEP", 3)
    async with opened() as store:
        await store.keep_owed([make_entry(number, dead=True) for number in range(1, 101)])
        monkeypatch.setattr("repaintd.store.outbox.MOST_DEAD", 5)
        counts = []
        for number in range(101, 104):
            await store.keep_owed([make_entry(number, dead=True)])
            counts.append(len(await store.owed("mqtt")))
    assert counts == [6, 5, 5]


async def test_the_delivery_log_is_read_latest_first(either, make_line):
    lines = [
        make_line(1, error="timeout", status=None, next_at=5.5),
        make_line(1, attempt=2),
        make_line(2, sink="webhooks/a", error="500 \u00fc", status=500, dead=True),
        make_line(3),
    ]
    for line in lines:
        either.log_delivery(line)
    await either.announce(WEBHOOK_DISABLED, {})

    assert await either.deliveries() == lines[::-1]
    assert await either.deliveries(sink="webhooks/a") == [lines[2]]
    assert await either.deliveries(failed=True) == [lines[2], lines[0]]
    assert await either.deliveries(sink="mqtt", failed=True) == [lines[0]]
    assert await either.deliveries(limit=1) == [lines[3]]
    assert await either.deliveries(limit=-1) == []


async def test_the_latest_attempt_of_a_delivery_is_found(either, make_line):
    lines = [
        make_line(1, error="timeout"),
        make_line(1, sink="webhooks/a"),
        make_line(2),
        make_line(1, attempt=2),
    ]
    for line in lines:
        either.log_delivery(line)
    await either.announce(WEBHOOK_DISABLED, {})

    assert await either.delivery(lines[0].id) == [lines[3]]
    found = await either.delivery("evt_1")
    assert sorted(each.sink for each in found) == ["mqtt", "webhooks/a"]
    assert lines[3] in found
    assert await either.delivery("nobody") == []


async def test_the_delivery_log_is_bounded_for_each_sink(opened, make_line, monkeypatch):
    monkeypatch.setattr("repaintd.store.outbox.MOST_LINES", 10)
    async with opened() as store:
        store.log_delivery(make_line(1, sink="quiet"))
        for number in range(1, 41):
            store.log_delivery(make_line(number))
            if not number % 7:
                await store.probe()
        await store.probe()
        assert [each.position for each in await store.deliveries(sink="mqtt")] == [
            *range(40, 30, -1)
        ]
        assert len(await store.deliveries(sink="quiet")) == 1


async def test_lines_wait_out_a_locked_database_and_only_the_latest_do(
    opened, make_sink, make_line, tmp_path, monkeypatch
):
    monkeypatch.setattr("repaintd.store.writer.SOON", 0.01)
    monkeypatch.setattr("repaintd.store.riders.MOST_LINES", 20)
    async with opened() as store:
        await store.keep_sink(make_sink())
        with closing(_other_process(tmp_path)) as other:
            other.execute("BEGIN IMMEDIATE")
            for number in range(1, 51):
                store.log_delivery(make_line(number))
            store.note_cursor("mqtt", 4)
            while store.write_errors < 3:
                await asyncio.sleep(0.01)
            other.execute("ROLLBACK")
        await _riders_written(store)
        assert [each.position for each in await store.deliveries()] == [*range(50, 30, -1)]
    async with opened() as store:
        assert store.sinks()["mqtt"].cursor == 4


async def test_a_line_that_came_while_others_were_written_is_written_next(opened, make_line):
    async with opened() as store:
        store.log_delivery(make_line(1))
        probing = asyncio.create_task(store.probe())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        store.log_delivery(make_line(2))
        await probing
        await _riders_written(store)
        assert len(await store.deliveries()) == 2


async def test_a_line_logged_during_the_last_transaction_keeps_nobody_waiting(
    opened, make_line, monkeypatch
):
    monkeypatch.setattr("repaintd.store.opening._CLOSE_DEADLINE", 1e6)
    writing = None

    async def write(batch: Batch, *args: object, **values: object) -> Written:
        nonlocal writing
        if writing is None:
            writing = True
            store.log_delivery(make_line())
        return await real(batch, *args, **values)

    real = Batch.write
    monkeypatch.setattr(Batch, "write", write)
    async with opened() as store:
        store._writer._riders.note("mqtt", 1)
    monkeypatch.undo()
    async with opened() as store:
        assert len(await store.deliveries()) == 1


async def test_lines_that_the_database_refuses_are_dropped_alone_and_logged(
    opened, make_sink, make_line
):
    with capture_logs() as logs:
        async with opened() as store:
            store.log_delivery(make_line(status=2**70))
            await store.keep_sink(make_sink(cursor=3))
    assert [each["event"] for each in logs] == ["deliveries cannot be stored"]
    async with opened() as store:
        assert store.sinks()["mqtt"].cursor == 3
        assert await store.deliveries() == []


async def test_what_receivers_say_is_stored_whatever_it_is(opened, make_entry, make_line):
    async with opened() as store:
        store.log_delivery(make_line(error="\udcff bad"))
        await store.keep_owed([make_entry(error="\udcff bad")])
        assert [each.error for each in await store.deliveries()] == ["? bad"]
        assert [each.error for each in await store.owed("mqtt")] == ["? bad"]


async def test_lines_that_cannot_be_written_at_the_end_are_counted_in_the_log(
    opened, make_line, tmp_path
):
    other = sqlite3.connect(tmp_path / "other.sqlite3", isolation_level=None)
    with capture_logs() as logs, closing(other):
        async with opened() as store:
            store.log_delivery(make_line(1))
            store.log_delivery(make_line(2))
            other.execute("ATTACH ? AS locked", (str(tmp_path / "state" / "state.sqlite3"),))
            other.execute("BEGIN IMMEDIATE")
            other.execute("DELETE FROM locked.states")
        other.execute("ROLLBACK")
    assert logs[-1] == {
        "event": "what was delivered last was not written",
        "log_level": "error",
        "count": 2,
    }


async def test_a_locked_database_fails_the_callers_of_the_outbox(
    opened, make_sink, make_entry, tmp_path
):
    async with opened() as store:
        await store.keep_sink(make_sink(cursor=1))
        await store.keep_owed([make_entry(1)])
        with closing(_other_process(tmp_path)) as other:
            other.execute("BEGIN IMMEDIATE")
            for attempt in (
                store.keep_sink(make_sink(cursor=9)),
                store.forget_sink("mqtt"),
                store.keep_owed([make_entry(2)]),
                store.drop_owed("mqtt", [1]),
            ):
                with pytest.raises(StoreUnavailable, match="end the other process"):
                    await attempt
            assert dict(store.sinks()) == {"mqtt": make_sink(cursor=1)}
            assert await store.owed("mqtt") == [make_entry(1)]
            other.execute("ROLLBACK")


async def test_a_closed_outbox_refuses_and_forgives_notes(opened, make_sink, make_line):
    async with opened() as store:
        pass
    store.note_cursor("mqtt", 1)
    store.log_delivery(make_line())
    with pytest.raises(StoreUnavailable, match="stopping"):
        await store.keep_sink(make_sink())
    for read in (
        store.owed("mqtt"),
        store.deliveries(),
        store.delivery("x"),
        store.position_of("x"),
    ):
        with pytest.raises(StoreUnavailable):
            await read
