from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import prometheus_client
import pytest
import structlog

from repaintd.core.binding import SourceConfig
from repaintd.core.fetch import Fetched
from repaintd.core.inbound import InboundWebhook
from repaintd.core.intake import Push
from repaintd.core.state import Trigger
from repaintd.errors import DocumentRefused, FetchFailed, RenderFailed, StoreUnavailable
from repaintd.metrics import Metrics
from repaintd.runtime import intake
from repaintd.runtime.catalogue import Catalogue
from repaintd.runtime.intake import Busy, Intakes
from repaintd.runtime.limits import FetchLimits
from repaintd.runtime.refresher import Refresher
from repaintd.runtime.resumption import first_due, trigger_of
from repaintd.runtime.scheduler import Scheduler
from repaintd.runtime.sources import PushedSource
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

HOOK = InboundWebhook(debounce=2.0, max_wait=20.0)
PUSHED = sample_binding(
    source=SourceConfig(type="webhook", spec=None, fingerprint="w"), webhook=HOOK
)
POLLED = sample_binding(webhook=HOOK)
HELLO = Fetched(document={"title": "Hello"}, body_hash="1")


class Desk:
    """Intakes before a scheduler that only takes notes."""

    def __init__(self, binding=PUSHED) -> None:
        self.store = MemoryStore()
        self.catalogue = Catalogue()
        self.catalogue.load({"card": binding}, {"plain": sample_template()}, {}, 0.0)
        self.woken = []
        self.metrics = Metrics(prometheus_client.CollectorRegistry(), version="0")
        self.intakes = Intakes(
            catalogue=self.catalogue,
            inbox=self.store,
            scheduler_trigger=self.wake,
            metrics=self.metrics,
            clock=FakeClock(),
            log=structlog.get_logger(),
        )

    def wake(self, uid, trigger, *, debounce=0.0, max_wait=0.0) -> bool:
        self.woken.append((uid, trigger, debounce, max_wait))
        return len(self.woken) == 1

    async def receive(self, *seen: str, trigger: Trigger = Trigger.WEBHOOK, push=None):
        return await self.intakes.receive("card", trigger=trigger, seen=seen, push=push)

    def record(self) -> None:
        """What the end of a run does that has seen everything."""
        entry = self.entry
        entry.state = replace(entry.state, triggers_taken=entry.received)
        self.intakes.run_ended("card")

    @property
    def entry(self):
        return self.catalogue.entry("card")

    @property
    def tally(self):
        tally = self.metrics.tally("card")
        return (
            tally.triggers_queued,
            tally.triggers_coalesced,
            tally.triggers_ignored,
            tally.triggers_duplicate,
        )


async def test_a_trigger_is_durable_before_anybody_is_woken():
    desk = Desk()
    receipt = await desk.receive(push=Push(payload=b'{"title":"Hi"}'))
    assert desk.store.documents == {"card": b'{"title":"Hi"}'}
    assert desk.store.received() == {"card": 1}
    assert desk.woken == [("card", Trigger.WEBHOOK, 2.0, 20.0)]
    assert (receipt.received, receipt.queued, receipt.duplicate) == (1, True, False)
    assert receipt.refresh_id.startswith("ref_")
    assert desk.entry.pending


async def test_triggers_that_share_a_run_are_counted_apart():
    desk = Desk()
    first, second = await desk.receive(), await desk.receive()
    assert (first.queued, second.queued, second.received) == (True, True, 2)
    assert first.refresh_id != second.refresh_id
    assert desk.tally == (1, 1, 0, 0)


@pytest.mark.parametrize("trigger", [Trigger.MANUAL, Trigger.WEBHOOK])
async def test_who_asks_by_hand_is_not_put_off(trigger: Trigger):
    desk = Desk(sample_binding() if trigger is Trigger.WEBHOOK else POLLED)
    await desk.receive(trigger=trigger)
    assert desk.woken == [("card", trigger, 0.0, 0.0)]


async def test_a_paused_binding_keeps_the_data_and_runs_nothing():
    desk = Desk(replace(PUSHED, paused=True))
    receipt = await desk.receive(push=Push(payload=b"1"))
    assert (receipt.queued, receipt.duplicate) == (False, False)
    assert desk.store.documents == {"card": b"1"}
    assert desk.entry.pending
    assert desk.woken == []
    assert desk.tally == (0, 0, 1, 0)
    assert await desk.intakes.trigger("card") is False
    refreshed = await desk.intakes.refresh("card", wait=60)
    assert (refreshed.queued, refreshed.done) == (False, False)


async def test_w2_a_replayed_trigger_causes_nothing_and_is_told_apart():
    desk = Desk()
    first = await desk.receive("msg_1", push=Push(payload=b"1"))
    again = await desk.receive("msg_1", push=Push(payload=b"2"))
    assert (again.duplicate, again.queued) == (True, False)
    assert again.refresh_id == first.refresh_id
    assert desk.store.documents == {"card": b"1"}
    assert len(desk.woken) == 1
    assert desk.tally == (1, 0, 0, 1)


async def test_d2_a_repetition_wakes_when_its_first_sender_was_cut_off_before_the_wake_up():
    desk = Desk()
    await desk.receive("msg_1")
    desk.woken.clear()
    desk.entry.received = 0  # cut off between the writing and here
    again = await desk.receive("msg_1")
    assert (again.duplicate, again.queued) == (True, True)
    assert len(desk.woken) == 1
    assert desk.entry.received == 1


async def test_an_older_answer_does_not_take_back_a_newer_count():
    desk = Desk()
    await desk.receive()
    desk.entry.received = 9
    await desk.receive()
    assert desk.entry.received == 9


async def test_for_an_unknown_binding_nothing_is_accepted():
    desk = Desk()
    assert await desk.intakes.receive("ghost", trigger=Trigger.WEBHOOK) is None
    assert await desk.intakes.refresh("ghost", wait=60) is None
    assert await desk.intakes.trigger("ghost") is False
    assert desk.store.received() == {}


@pytest.mark.parametrize("error", [StoreUnavailable("full"), DocumentRefused("too large")])
async def test_what_was_not_accepted_wakes_nobody(error: Exception):
    desk = Desk()
    desk.store.failure = error
    with pytest.raises(type(error)):
        await desk.receive()
    assert desk.woken == []
    assert not desk.entry.pending
    desk.store.failure = None
    assert (await desk.receive()).queued


class SlowInbox(MemoryStore):
    """Takes its time until it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def accept(self, intake):
        await self.gate.wait()
        return await super().accept(intake)


async def test_w4_more_than_can_be_written_down_at_once_is_refused_at_once(monkeypatch):
    monkeypatch.setattr(intake, "MOST_AT_ONCE", 3)
    desk, inbox = Desk(), SlowInbox()
    desk.intakes._inbox = inbox
    under_way = [asyncio.create_task(desk.receive(), name=f"sender {n}") for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Busy) as busy:
        await desk.receive()
    assert busy.value.retry_after > 0
    under_way[0].cancel()
    await asyncio.sleep(0)
    inbox.gate.set()
    assert (await desk.receive()).queued
    await asyncio.gather(*under_way, return_exceptions=True)
    assert desk.intakes._accepting == 0


async def test_a_binding_that_goes_while_its_trigger_is_written_down_is_unknown():
    desk, inbox = Desk(), SlowInbox()
    desk.intakes._inbox = inbox
    sender = asyncio.create_task(desk.intakes.refresh("card", wait=60), name="sender")
    await asyncio.sleep(0)
    desk.catalogue._entries.clear()
    inbox.gate.set()
    assert await sender is None
    assert desk.woken == []


async def test_who_waits_is_answered_when_a_run_that_saw_the_trigger_is_on_record():
    desk = Desk()
    waiting = asyncio.create_task(desk.intakes.refresh("card", wait=60), name="waiting")
    await asyncio.sleep(0)
    desk.intakes.run_ended("card")  # of a run that began before
    desk.intakes.run_ended("other")
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    desk.record()
    refreshed = await waiting
    assert refreshed.done
    assert refreshed.view is desk.catalogue.get("card")
    assert desk.intakes._run_ends == {}


async def test_who_waits_for_a_binding_that_goes_is_told_so():
    desk = Desk()
    waiting = asyncio.create_task(desk.intakes.refresh("card", wait=60), name="waiting")
    await asyncio.sleep(0)
    desk.catalogue._entries.clear()
    desk.intakes.run_ended("card")
    assert await waiting is None


@pytest.mark.parametrize("wait", [0.0, 0.001])
async def test_nobody_waits_longer_than_he_wants(wait: float):
    desk = Desk()
    refreshed = await desk.intakes.refresh("card", wait=wait)
    assert (refreshed.done, refreshed.changed) == (False, False)
    assert refreshed.queued
    assert desk.intakes._run_ends == {}


async def test_who_waits_and_goes_away_leaves_nothing_behind():
    desk = Desk()
    waiting = [
        asyncio.create_task(desk.intakes.refresh("card", wait=60), name=str(n)) for n in range(2)
    ]
    for _ in range(3):
        await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(waiting[0], return_exceptions=True)
    assert len(desk.intakes._run_ends["card"]) == 1
    waiting[1].cancel()
    await asyncio.gather(waiting[1], return_exceptions=True)
    assert desk.intakes._run_ends == {}
    assert desk.intakes._waiting == 0


async def test_only_so_many_may_wait_and_the_others_are_refused_before_anything_is_accepted(
    monkeypatch,
):
    monkeypatch.setattr(intake, "MOST_WAITING", 1)
    desk = Desk()
    waiting = asyncio.create_task(desk.intakes.refresh("card", wait=60), name="waiting")
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await desk.intakes.refresh("card", wait=60)
    assert desk.store.received() == {"card": 1}
    assert (await desk.intakes.refresh("card")).queued
    desk.record()
    assert (await waiting).done


class Daemon:
    """Everything between an accepted trigger and the record of its run."""

    def __init__(self, binding=PUSHED, store: MemoryStore | None = None) -> None:
        self.clock = FakeClock()
        self.store = store or MemoryStore()
        self.source = FakeSource([HELLO])
        self.renderer, self.images = FakeRenderer(), MemoryImages()
        self.metrics = Metrics(prometheus_client.CollectorRegistry(), version="0")
        self.catalogue = Catalogue()
        self.catalogue.load(
            {"card": binding},
            {"plain": sample_template()},
            dict(self.store.states),
            self.clock.now(),
            self.store.received(),
        )
        steps = MeasuredSteps(
            sources={"http": self.source, "webhook": PushedSource(self.store)},
            engine=FakeEngine(),
            renderer=self.renderer,
            renderer_name="fake",
            images=self.images,
            limits=FetchLimits(concurrency=4, per_host=2),
            metrics=self.metrics,
            clock=self.clock,
            timeout=30,
            max_bytes=1000,
        )
        log = structlog.get_logger()
        refresher = Refresher(
            catalogue=self.catalogue,
            steps=steps,
            store=self.store,
            defaults=MemoryImages(),
            metrics=self.metrics,
            clock=self.clock,
            log=log,
            public_url="http://h",
            render_timeout=15,
        )
        self.scheduler = Scheduler(
            run=refresher.run,
            trigger_of=lambda uid: trigger_of(self.catalogue.get(uid)),
            clock=self.clock,
            log=log,
        )
        self.intakes = Intakes(
            catalogue=self.catalogue,
            inbox=self.store,
            scheduler_trigger=self.scheduler.trigger,
            metrics=self.metrics,
            clock=self.clock,
            log=log,
        )
        self.scheduler.on_run_end(self.intakes.run_ended)

    @asynccontextmanager
    async def up(self):
        for entry in self.catalogue.entries():
            due = first_due(entry, self.clock.now(), 1)
            entry.plan(due)
            self.scheduler.set(entry.binding.uid, due.at)
        task = asyncio.create_task(self.scheduler.serve(), name="scheduler")
        try:
            await self.pass_time(0.1)
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.scheduler._wake.set()
        for _ in range(60):
            await asyncio.sleep(0)

    async def push(self, payload: bytes, *seen: str):
        return await self.intakes.receive(
            "card", trigger=Trigger.WEBHOOK, seen=seen, push=Push(payload=payload)
        )

    @property
    def picture(self) -> bytes | None:
        return self.images.files.get("card.png")

    @property
    def state(self):
        return self.catalogue.get("card").state


async def test_pushed_data_becomes_the_picture_and_the_last_of_a_burst_wins():
    async with Daemon().up() as daemon:
        for n in range(50):
            await daemon.push(b'{"title":"%d"}' % n)
            await daemon.pass_time(0.01)
        await daemon.pass_time(2.1)
        assert daemon.picture == b'plain {"title": "49"}'
        assert len(daemon.renderer.jobs) == 2
        assert daemon.state.triggers_taken == 50
        tally = daemon.metrics.tally("card")
        assert (tally.triggers_queued, tally.triggers_coalesced) == (2, 48)


async def test_equal_data_that_is_pushed_again_draws_nothing():
    async with Daemon().up() as daemon:
        await daemon.push(b'{"title":"Hi"}')
        await daemon.pass_time(3)
        await daemon.push(b'{"title": "Hi"}')
        await daemon.pass_time(3)
        assert len(daemon.renderer.jobs) == 1
        assert daemon.metrics.tally("card").skipped_render == 1
        assert daemon.state.triggers_taken == 2
        assert [event.name for event in daemon.store.events] == ["binding.updated"]


async def test_a_changed_mapping_is_read_from_the_pushed_document_that_was_kept():
    async with Daemon().up() as daemon:
        await daemon.push(b'{"title":"Hi","name":"Jo"}')
        await daemon.pass_time(3)
        store = daemon.store
    changed = replace(PUSHED, mapping={"title": "name"})
    async with Daemon(changed, store).up() as daemon:
        assert daemon.picture == b'plain {"title": "Jo"}'
        assert store.events[-1].data["trigger"] == "update"


async def test_data_that_cannot_be_drawn_is_a_failure_the_202_stands_and_the_good_image_stays():
    async with Daemon().up() as daemon:
        await daemon.push(b'{"title":"Hi"}')
        await daemon.pass_time(3)
        daemon.renderer.failure = RenderFailed("broke", reason="browser_crashed")
        receipt = await daemon.push(b'{"title":"Evil"}')
        await daemon.pass_time(3)
        assert receipt.queued
        assert store_names(daemon) == ["binding.updated", "binding.failed"]
        assert daemon.picture == b'plain {"title": "Hi"}'
        assert daemon.state.triggers_taken == 2
        daemon.renderer.failure = None
        await daemon.pass_time(60)
        assert daemon.picture == b'plain {"title": "Evil"}'


def store_names(daemon: Daemon) -> list[str]:
    return [event.name for event in daemon.store.events]


async def test_d2_a_trigger_accepted_before_a_crash_has_its_run_after_the_restart():
    async with Daemon().up() as daemon:
        await daemon.push(b'{"title":"Hi"}')
        await daemon.pass_time(3)
        daemon.scheduler._draining = True  # nothing runs any more
        await daemon.push(b'{"title":"Last words"}')
        await daemon.pass_time(3)
        store = daemon.store
        assert daemon.picture == b'plain {"title": "Hi"}'
    async with Daemon(store=store).up() as daemon:
        assert daemon.picture == b'plain {"title": "Last words"}'
        assert store.events[-1].data["trigger"] == "webhook"
        assert not daemon.catalogue.entry("card").pending
        runs = len(daemon.renderer.jobs)
    async with Daemon(store=store).up() as daemon:
        assert (runs, len(daemon.renderer.jobs)) == (1, 0)


async def test_d2_what_a_run_has_not_recorded_it_has_not_seen():
    async with Daemon().up() as daemon:
        await daemon.push(b'{"title":"Hi"}')
        daemon.store.failure = StoreUnavailable("disk full")
        await daemon.pass_time(3)
        daemon.store.failure = None
        assert daemon.catalogue.entry("card").pending
        await daemon.pass_time(60)
        assert daemon.state.triggers_taken == 1
        assert store_names(daemon) == ["binding.updated"]


async def test_a_trigger_asks_a_polled_source_again_even_while_it_backs_off():
    async with Daemon(POLLED).up() as daemon:
        daemon.source.then(FetchFailed("busy", reason="status", retry_after=3_600))
        await daemon.intakes.refresh("card")
        await daemon.pass_time(1)
        assert daemon.state.due_reason == "retry_after"
        daemon.source.then(Fetched(document={"title": "Back"}, body_hash="2"))
        waiting = asyncio.create_task(daemon.intakes.refresh("card", wait=60), name="w")
        await daemon.pass_time(1)
        refreshed = await waiting
        assert (refreshed.done, refreshed.changed) == (True, True)
        assert refreshed.view.state.variables == {"title": "Back"}
        assert daemon.state.due_reason == "policy"


async def test_a_trigger_while_paused_runs_when_the_binding_is_resumed():
    async with Daemon(replace(PUSHED, paused=True)).up() as daemon:
        await daemon.push(b'{"title":"Hi"}')
        await daemon.pass_time(60)
        assert daemon.picture is None
        store = daemon.store
    async with Daemon(store=store).up() as daemon:
        assert daemon.picture == b'plain {"title": "Hi"}'
