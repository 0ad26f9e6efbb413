from __future__ import annotations

import asyncio

import prometheus_client
import pytest
import structlog
from structlog.testing import capture_logs

from repaintd.core.binding import Freshness
from repaintd.core.fetch import Fetched, NotModified, Validators
from repaintd.core.state import BindingState, Trigger
from repaintd.errors import FetchFailed, StoreUnavailable
from repaintd.metrics import Metrics
from repaintd.runtime import staleness
from repaintd.runtime.catalogue import Catalogue
from repaintd.runtime.limits import FetchLimits
from repaintd.runtime.refresher import Refresher
from repaintd.runtime.staleness import watch_staleness
from repaintd.runtime.steps import MeasuredSteps
from repaintd.testing import (
    FakeClock,
    FakeEngine,
    FakeRenderer,
    FakeSource,
    MemoryImages,
    MemoryStore,
    sample_binding,
    sample_template,
)

HELLO = Fetched(document={"title": "Hello"}, body_hash="1")
SAME = NotModified(validators=Validators())
DOWN = FetchFailed("no answer", reason="timeout")
BOUND = Freshness(max_stale=600.0)


class GatedStore(MemoryStore):
    """Commits wait for `gate` while it is closed."""

    def __init__(self, clock) -> None:
        super().__init__(clock)
        self.gate = asyncio.Event()
        self.gate.set()

    async def commit(self, *args):
        await self.gate.wait()
        await super().commit(*args)


class House:
    def __init__(self, *answers, states=None, uids=("card",), freshness=BOUND) -> None:
        self.clock = FakeClock()
        self.store = GatedStore(self.clock)
        self.source = FakeSource(answers or [HELLO, SAME])
        self.catalogue = Catalogue()
        bindings = {uid: sample_binding(uid=uid, freshness=freshness) for uid in uids}
        self.catalogue.load(
            bindings, {"plain": sample_template()}, dict(states or {}), self.clock.now()
        )
        metrics = Metrics(prometheus_client.CollectorRegistry(), version="0")
        steps = MeasuredSteps(
            sources={"http": self.source},
            engine=FakeEngine(),
            renderer=FakeRenderer(),
            renderer_name="fake",
            images=MemoryImages(),
            limits=FetchLimits(concurrency=4, per_host=2),
            metrics=metrics,
            clock=self.clock,
            timeout=30,
            max_bytes=1000,
        )
        self.refresher = Refresher(
            catalogue=self.catalogue,
            steps=steps,
            store=self.store,
            defaults=MemoryImages(),
            metrics=metrics,
            clock=self.clock,
            log=structlog.get_logger(),
            public_url="http://h",
            render_timeout=15,
        )

    async def run(self) -> None:
        await self.refresher.run("card", Trigger.TTL, 0.0)

    async def look(self) -> None:
        """One look at all bindings."""
        looks = iter([None])

        async def sleep(_seconds: float) -> None:
            if next(looks, self) is self:
                raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await watch_staleness(
                self.catalogue, self.refresher.tell_freshness, self.clock, sleep=sleep
            )

    @property
    def told(self) -> list[tuple[str, int]]:
        return [(each.name, each.sequence) for each in self.store.events]

    @property
    def state(self) -> BindingState:
        return self.catalogue.entry("card").state


@pytest.fixture(autouse=True)
def quiet():
    with capture_logs():
        yield


async def test_it_is_told_once_when_the_bound_is_passed():
    house = House()
    await house.run()
    house.clock.advance(600)
    await house.look()
    assert len(house.told) == 1
    house.clock.advance(1)
    for _ in range(3):
        await house.look()
    assert house.told == [("binding.updated", 1), ("binding.stale", 2)]
    assert house.catalogue.get("card").stale
    assert house.store.states["card"].stale_since == house.clock.now()


async def test_a_304_makes_it_fresh_and_that_is_told_once():
    house = House()
    await house.run()
    house.clock.advance(700)
    await house.look()
    await house.run()
    await house.look()
    assert [name for name, _ in house.told] == ["binding.updated", "binding.stale", "binding.fresh"]
    assert not house.catalogue.get("card").stale
    assert house.state.sequence == 3


async def test_failures_do_not_make_it_fresh_and_all_events_have_numbers_of_their_own():
    house = House(HELLO, DOWN)
    await house.run()
    house.clock.advance(700)
    await house.run()
    await house.look()
    await house.run()
    assert house.told == [
        ("binding.updated", 1),
        ("binding.failed", 2),
        ("binding.stale", 3),
        ("binding.failed", 4),
    ]


async def test_a_binding_that_was_never_drawn_counts_from_when_it_was_first_seen():
    house = House(DOWN)
    await house.run()
    house.clock.advance(601)
    await house.look()
    assert house.told == [("binding.failed", 1), ("binding.stale", 2)]


async def test_it_is_told_once_and_not_again_after_a_restart():
    house = House()
    await house.run()
    house.clock.advance(700)
    await house.look()
    again = House(states=house.store.states)
    again.clock.advance(house.clock.now() - again.clock.now() + 50)
    await again.look()
    assert again.told == []
    await again.run()
    assert again.told[-1] == ("binding.fresh", again.state.sequence)


async def test_a_run_under_way_is_left_alone_and_a_run_waits_while_it_is_told():
    house = House()
    await house.run()
    house.clock.advance(700)
    house.store.gate.clear()
    telling = asyncio.create_task(house.look())
    while not house.refresher._teller.busy:
        await asyncio.sleep(0)
    run = asyncio.create_task(house.run())
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(house.source.requests) == 1
    assert house.refresher.under_way("card") is None
    await house.refresher.tell_freshness("card")  # somebody else does already
    house.store.gate.set()
    await asyncio.gather(telling, run)
    assert [number for _, number in house.told] == [1, 2, 3]


async def test_while_a_run_is_under_way_nothing_is_told_beside_it():
    house = House()
    await house.run()
    house.clock.advance(700)
    began, end = asyncio.Event(), asyncio.Event()

    async def fetch(_request):
        began.set()
        await end.wait()
        return SAME

    house.source.fetch = fetch
    run = asyncio.create_task(house.run())
    await began.wait()
    await house.look()
    end.set()
    await run
    assert house.told == [("binding.updated", 1)]


async def test_what_else_changes_while_it_is_told_stands():
    house = House()
    await house.run()
    house.clock.advance(700)
    house.store.gate.clear()
    telling = asyncio.create_task(house.look())
    while not house.refresher._teller.busy:
        await asyncio.sleep(0)
    house.catalogue.entry("card").forget_image()
    house.store.gate.set()
    await telling
    assert house.state.render_fingerprint == ""
    assert house.state.stale_since is not None


async def test_a_database_that_refuses_is_asked_again():
    house = House()
    await house.run()
    house.clock.advance(700)
    house.store.failure = StoreUnavailable("disk full")
    await house.look()
    assert not house.catalogue.get("card").stale
    house.store.failure = None
    await house.look()
    assert house.catalogue.get("card").stale


async def test_a_bound_that_is_taken_away_is_told_as_met():
    house = House(
        freshness=None, states={"card": BindingState(uid="card", stale_since=5.0, sequence=4)}
    )
    await house.look()
    assert house.told == [("binding.fresh", 5)]


async def test_any_number_of_bindings_is_told_of(monkeypatch):
    monkeypatch.setattr(staleness, "TOLD_AT_ONCE", 3)
    monkeypatch.setattr(staleness, "LOOKS_PER_TURN", 4)
    house = House(uids=[f"b{number}" for number in range(10)])
    house.clock.advance(601)
    await house.look()
    assert sorted(each.uid for each in house.store.events) == sorted(house.catalogue._entries)


async def test_a_binding_that_is_gone_is_not_told_of():
    house = House()
    await house.refresher.tell_freshness("nobody")
    assert house.told == []
