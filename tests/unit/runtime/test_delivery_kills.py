"""Kills at random points, a receiver that fails and lies, a database that refuses and forgets."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from dataclasses import replace
from functools import partial

import pytest
from structlog.testing import capture_logs

from repaintd.errors import DeliveryFailed, StoreUnavailable
from repaintd.testing import MemoryStore
from repaintd.testing.deliveries import DeliveryWorld
from repaintd.testing.sink import FakeSink
from repaintd.testing.virtual_time import VirtualClock, in_virtual_time

LIVES = 12
PER_LIFE = 20
BINDINGS = ("", "a", "b", "c", "d")
SINKS = ("webhooks/one", "webhooks/two", "mqtt")


class FrailStore(MemoryStore):
    """Takes its time, so that a kill comes before or after a write, refuses some, forgets notes."""

    def __init__(self, dice):
        super().__init__(VirtualClock())
        self._dice = dice
        self._noted = {}

    def sinks(self):
        return {
            name: replace(record, cursor=max(record.cursor, self._noted.get(name, 0)))
            for name, record in super().sinks().items()
        }

    def note_cursor(self, sink, cursor):
        self._noted[sink] = cursor
        if self._dice.random() < 0.1:
            super().note_cursor(sink, cursor)

    def killed(self):
        self._noted.clear()

    async def _slowly(self, write):
        await asyncio.sleep(self._dice.random() * 0.2)
        if self._dice.random() < 0.1:
            raise StoreUnavailable("busy")
        await write()
        await asyncio.sleep(self._dice.random() * 0.2)

    async def keep_sink(self, record):
        await self._slowly(partial(super().keep_sink, record))

    async def keep_owed(self, entries):
        await self._slowly(partial(super().keep_owed, entries))

    async def drop_owed(self, sink, positions):
        await self._slowly(partial(super().drop_owed, sink, positions))


class Receiver:
    """Fails three times in ten: before it has the event, or after; or does not answer at all."""

    def __init__(self, dice):
        self._dice = dice
        self.arrivals = []

    async def __call__(self, event):
        await asyncio.sleep(self._dice.random() * 0.5)
        fate = self._dice.random()
        if fate < 0.1:
            raise DeliveryFailed("status 500", status=500)
        if fate < 0.15:
            await asyncio.Event().wait()
        self.arrivals.append(event)
        if fate < 0.3:
            raise DeliveryFailed("connection reset")


def check(arrivals, world):
    first, bodies = defaultdict(list), {}
    for event in arrivals:
        if event.id not in bodies:
            bodies[event.id] = event.body
            first[event.uid].append(event.sequence)
        assert event.body == bodies[event.id]
    assert set(bodies) == {event.id for event in world.store.events}
    for uid, sequences in first.items():
        assert sequences == sorted(sequences), uid
        assert sequences == list(range(1, len(sequences) + 1))


async def one_life(world, dice):
    async with world.life():
        for _ in range(PER_LIFE):
            await world.happen(dice.choice(BINDINGS), times=dice.choice((1, 1, 5)))
            await asyncio.sleep(dice.random() * 0.3)
    world.store.killed()


@pytest.mark.parametrize("seed", range(6))
def test_every_event_arrives_in_order_whatever_is_killed_and_whenever(seed):
    @in_virtual_time
    async def run():
        dice = random.Random(seed)
        world = DeliveryWorld(FrailStore(dice), dice=dice.random, ring=dice.choice((1, 20, 1_000)))
        receivers = {name: Receiver(dice) for name in SINKS}
        for name, receiver in receivers.items():
            retries = () if name == "mqtt" else (1.0, 2.0) * 50
            world.sinks[name] = FakeSink(receiver, retries=retries, timeout=1.0, concurrency=3)
        async with world.life():  # so that all sinks are known before the first event
            await asyncio.sleep(600)
        for _ in range(LIVES):
            await one_life(world, dice)
        async with world.life():
            await asyncio.sleep(100_000)
            for name in SINKS:
                assert world.metric("outbox_pending", sink=name) == 0
        assert not world.store.owing
        for receiver in receivers.values():
            check(receiver.arrivals, world)

    with capture_logs():
        run()
