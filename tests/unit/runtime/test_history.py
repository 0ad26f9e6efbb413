from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
import structlog
from structlog.testing import capture_logs

from repaintd.core.event import StoredEvent
from repaintd.errors import StoreUnavailable
from repaintd.runtime.history import History
from repaintd.testing.virtual_time import in_virtual_time, settled


def event(position, body=b"{}"):
    return StoredEvent(
        position=position,
        id=f"evt_{position}",
        name="binding.updated",
        uid="a",
        sequence=position,
        at=0.0,
        body=body,
    )


class Log:
    """Implements what `History` needs of `core.ports.EventLog`; counts reads of the database."""

    def __init__(self, count=0):
        self.kept = [event(n) for n in range(1, count + 1)]
        self.latest = count
        self.reads = []
        self.failure = None
        self.callbacks = []

    async def events(self, after=0, limit=100):
        self.reads.append((after, limit))
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return [each for each in self.kept if each.position > after][: min(limit, 1_000)]

    def on_events(self, callback):
        self.callbacks.append(callback)

    def happen(self, count=1, body=b"{}"):
        self.kept += [event(self.latest + n, body) for n in range(1, count + 1)]
        self.latest += count
        for callback in self.callbacks:
            callback()

    def prune(self, keep):
        self.kept = self.kept[-keep:] if keep else []


@asynccontextmanager
async def serving(log, **settings):
    history = History(log, log=structlog.get_logger(), dice=lambda: 0.5, **settings)
    task = asyncio.create_task(history.serve(), name="history")
    await settled()
    try:
        yield history
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def positions(events):
    return [each.position for each in events]


@in_virtual_time
async def test_one_read_of_the_database_serves_any_number_of_readers():
    log = Log(5)
    async with serving(log) as history:
        got = {n: [] for n in range(200)}

        async def follow(n):
            cursor = 5
            while True:
                await history.wait(cursor)
                got[n] += (events := await history.read(cursor))
                cursor = events[-1].position

        readers = [asyncio.create_task(follow(n)) for n in got]
        await settled()
        log.happen(3)
        log.happen(2)
        await settled()
        for reader in readers:
            reader.cancel()
        assert all(positions(events) == [6, 7, 8, 9, 10] for events in got.values())
        assert log.reads == [(5, 500)]


@in_virtual_time
async def test_who_is_far_behind_reads_the_database_and_then_the_ring():
    log = Log(10)
    async with serving(log, ring=4) as history:
        log.happen(6)
        await settled()
        log.reads.clear()
        assert positions(await history.read(3, 5)) == [4, 5, 6, 7, 8]
        assert log.reads == [(3, 5)]
        assert positions(await history.read(12, 2)) == [13, 14]
        assert positions(await history.read(13)) == [14, 15, 16]
        assert await history.read(16) == await history.read(99) == []
        assert await history.read(12, 0) == []
        assert log.reads == [(3, 5)]
        assert history.latest == 16


@in_virtual_time
async def test_waiting_ends_with_an_event_behind_the_cursor_only():
    log = Log(2)
    async with serving(log) as history:
        await asyncio.wait_for(history.wait(1), 1)
        waiting = asyncio.create_task(history.wait(3))
        log.happen()
        await settled()
        assert not waiting.done()
        log.happen()
        await settled()
        assert waiting.done()


@in_virtual_time
async def test_the_ring_is_bounded_in_events_and_in_bytes():
    log = Log()
    async with serving(log, ring=100, ring_bytes=1_000) as history:
        log.happen(2_000)
        await settled()
        assert positions(history._ring) == list(range(1_901, 2_001))
        assert history._bytes == 200
        log.happen(3, body=b"x" * 400)
        await settled()
        assert positions(history._ring)[-2:] == [2_002, 2_003]
        assert history._bytes <= 1_000
        log.happen(1, body=b"x" * 5_000)  # larger than all: kept alone
        await settled()
        assert positions(history._ring) == [2_004]


@in_virtual_time
async def test_a_database_that_fails_is_said_once_and_nothing_is_missed():
    log = Log(1)
    with capture_logs() as logs:
        async with serving(log) as history:
            log.failure = StoreUnavailable("disk gone")
            log.happen(2)
            await asyncio.sleep(3_600)
            assert history.latest == 1
            with pytest.raises(StoreUnavailable):
                await history.read(0)
            assert 100 < len(log.reads) < 300  # 15 s apart in the end
            log.failure = None
            await asyncio.sleep(30)
            assert positions(await history.read(1)) == [2, 3]
            log.happen()
            await settled()
    assert [each["event"] for each in logs] == [
        "new events cannot be read; trying again",
        "new events can be read again",
    ]


@in_virtual_time
async def test_a_reader_can_tell_that_events_were_pruned_away():
    log = Log(10)
    async with serving(log) as history:
        log.prune(3)
        assert positions(await history.read(2)) == [8, 9, 10]
        log.prune(0)
        assert await history.read(2) == []


@in_virtual_time
async def test_the_ring_has_no_holes_when_events_are_pruned_faster_than_read():
    log = Log()
    async with serving(log) as history:
        log.happen(5)
        await settled()
        log.kept += [event(n) for n in range(6, 11)]
        log.prune(2)
        log.latest = 10
        log.callbacks[0]()
        await settled()
        assert positions(await history.read(5)) == [9, 10]
        assert positions(history._ring) == [9, 10]
        log.latest = 20
        log.prune(0)
        log.callbacks[0]()
        await settled()
        assert history.latest == 20
        assert await history.read(5) == []
        log.happen()
        await settled()
        assert positions(await history.read(20)) == [21]
