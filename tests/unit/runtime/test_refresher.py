from __future__ import annotations

import asyncio

import prometheus_client
import pytest
import structlog
from structlog.testing import capture_logs

from repaintd.core.binding import OnError, PolicyType, RefreshPolicy
from repaintd.core.fetch import Fetched, NoDocument, NotModified, Validators
from repaintd.core.image import RenderedImage
from repaintd.core.pipeline import render_job
from repaintd.core.state import Trigger
from repaintd.errors import FetchFailed, PublishFailed, StoreUnavailable
from repaintd.metrics import Metrics
from repaintd.runtime.catalogue import Catalogue
from repaintd.runtime.limits import FetchLimits
from repaintd.runtime.refresher import Refresher
from repaintd.runtime.run_steps import RunSteps
from repaintd.runtime.steps import DRAWN_AHEAD, MeasuredSteps, NoRenderer
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

HELLO = Fetched(document={"title": "Hello"}, body_hash="1", validators=Validators(etag='"1"'))
NEW = Fetched(document={"title": "New"}, body_hash="2", validators=Validators(etag='"2"'))


MANUAL = RefreshPolicy(type=PolicyType.MANUAL)


class Daemon:
    def __init__(self, *answers, binding=None, renderer=None) -> None:
        self.clock = FakeClock()
        self.source = FakeSource(answers or [HELLO])
        self.images, self.defaults = MemoryImages(), MemoryImages()
        self.store = MemoryStore()
        self.renderer = renderer or FakeRenderer()
        self.metrics = Metrics(prometheus_client.CollectorRegistry(), version="0")
        self.catalogue = Catalogue()
        binding = binding or sample_binding()
        self.catalogue.load(
            {binding.uid: binding}, {"plain": sample_template()}, {}, self.clock.now()
        )
        steps = MeasuredSteps(
            sources={"http": self.source},
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
        self.refresher = Refresher(
            catalogue=self.catalogue,
            steps=steps,
            store=self.store,
            defaults=self.defaults,
            metrics=self.metrics,
            clock=self.clock,
            log=structlog.get_logger(),
            public_url="http://h",
            render_timeout=15,
        )

    async def run(self, trigger: Trigger = Trigger.TTL) -> float | None:
        return await self.refresher.run("card", trigger, 0.0)

    @property
    def state(self):
        return self.catalogue.get("card").state

    @property
    def tally(self):
        return self.metrics.tally("card")


async def test_a_new_image_and_its_event_are_recorded_together():
    daemon = Daemon()
    due = await daemon.run()
    assert daemon.store.states["card"] is daemon.state
    assert [event.name for event in daemon.store.events] == ["binding.updated"]
    assert due == daemon.state.next_due_at
    assert (daemon.tally.renders_ok, daemon.tally.publishes) == (1, 1)


async def test_an_unchanged_poll_is_noted_and_not_committed():
    daemon = Daemon()
    await daemon.run()
    daemon.source.then(NotModified(validators=HELLO.validators))
    await daemon.run()
    assert daemon.store.notes == 1
    assert len(daemon.store.events) == 1
    assert (daemon.tally.fetches_not_modified, daemon.tally.skipped_fetch) == (1, 1)


async def test_a_failing_binding_is_said_once_and_its_recovery_once():
    daemon = Daemon(FetchFailed("Data source returned 500", reason="status"))
    with capture_logs() as logs:
        await daemon.run()
        await daemon.run()
        daemon.source.then(HELLO)
        await daemon.run()
    said = [(e["event"], e["log_level"]) for e in logs if e["event"].startswith("binding ")]
    assert said == [
        ("binding failed", "warning"),
        ("binding failed", "debug"),
        ("binding recovered", "info"),
    ]
    assert daemon.tally.fetches_error == 2


async def test_every_failed_attempt_is_a_durable_event():
    daemon = Daemon(FetchFailed("Data source returned 500", reason="status"))
    await daemon.run()
    await daemon.run()
    assert [event.data["retryCount"] for event in daemon.store.events] == [1, 2]


async def test_when_the_database_refuses_the_event_is_owed_until_it_takes_it():
    daemon = Daemon()
    await daemon.run()
    daemon.source.then(NEW)
    daemon.store.failure = StoreUnavailable("disk full")
    await daemon.run()
    assert daemon.state.error_count == 1
    assert daemon.state.last_error_reason == "state"
    assert daemon.state.variables == {"title": "Hello"}
    daemon.store.failure = None
    await daemon.run()
    assert daemon.state.error_count == 0
    assert daemon.store.events[-1].data["newData"] == {"title": "New"}
    assert [event.sequence for event in daemon.store.events] == [1, 2]


@pytest.mark.parametrize("answer", [HELLO, NotModified(validators=HELLO.validators)])
async def test_an_image_that_was_not_recorded_is_drawn_over_when_its_data_is_gone_again(answer):
    daemon = Daemon()
    await daemon.run()
    good = dict(daemon.images.files)
    daemon.source.then(NEW)
    daemon.store.failure = StoreUnavailable("disk full")
    await daemon.run()
    assert daemon.images.files != good
    daemon.store.failure = None
    daemon.source.then(answer)
    await daemon.run()
    assert daemon.images.files == good
    assert len(daemon.store.events) == 1  # nobody was told of the other one
    assert daemon.state.error_count == 0


async def test_a_bug_in_one_refresh_is_a_failure_of_that_binding_only():
    daemon = Daemon()

    async def explode(request):
        raise ZeroDivisionError

    daemon.source.fetch = explode
    with capture_logs() as logs:
        await daemon.run()
    assert daemon.state.last_error_reason == "internal"
    assert daemon.state.last_error_stage == "fetch"
    assert daemon.tally.fetches_error == 1
    assert any("exc_info" in entry and entry["exc_info"] for entry in logs)


@pytest.mark.parametrize("part", ["expand", "render", "publish"])
async def test_a_bug_in_any_step_is_a_failure_of_its_stage(part: str):
    policy = RefreshPolicy(on_error=OnError.SERVE_DEFAULT)
    daemon = Daemon(binding=sample_binding(refresh=policy))

    async def explode(*_):
        raise ZeroDivisionError

    owner = {"expand": "_engine", "render": "_renderer", "publish": "_images"}[part]
    setattr(getattr(daemon.refresher._steps, owner), part, explode)
    await daemon.run()
    stage = "publish" if part == "publish" else "render"
    assert (daemon.state.last_error_stage, daemon.state.last_error_reason) == (stage, "internal")


async def test_a_bug_in_recording_puts_the_binding_off_and_stops_nothing():
    daemon = Daemon()

    async def explode(state, events=()):
        raise TypeError("not JSON")

    daemon.store.commit = explode
    with capture_logs() as logs:
        due = await daemon.run()
    assert due is not None
    assert due > daemon.clock.now()
    assert daemon.state.last_error_reason == "internal"
    assert any(entry["event"].startswith("refresh broke") for entry in logs)


async def test_a_source_that_does_not_end_is_cut_off(monkeypatch):
    monkeypatch.setattr("repaintd.runtime.steps.SWEEP", 0.001)
    daemon = Daemon()
    daemon.source.fetch = lambda request: asyncio.Event().wait()
    running = {"card": asyncio.create_task(daemon.run(), name="refresh:card")}
    steps = daemon.refresher._steps
    watch = asyncio.create_task(steps.watch(lambda uid: running[uid].cancel()), name="deadlines")
    await asyncio.sleep(0.01)
    assert not running["card"].done(), "it has its time"
    daemon.clock.advance(steps._timeout + 6)
    async with asyncio.timeout(5):
        await running["card"]
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    assert (daemon.state.last_error_stage, daemon.state.last_error_reason) == ("fetch", "timeout")
    assert daemon.tally.fetches_error == 1
    assert steps._asking == {}


async def test_a_refresh_that_is_cancelled_from_outside_is_cancelled():
    daemon = Daemon()
    daemon.source.fetch = lambda request: asyncio.Event().wait()
    task = asyncio.create_task(daemon.run(), name="refresh:card")
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert daemon.state.error_count == 0


async def test_more_refreshes_than_the_renderer_takes_wait_for_their_turn():
    daemon = Daemon()
    drawing, most = 0, 0

    async def render(job):
        nonlocal drawing, most
        drawing += 1
        most = max(most, drawing)
        await asyncio.sleep(0)
        drawing -= 1
        return RenderedImage(body=b"x", media_type="image/png", width=1, height=1)

    daemon.renderer.render = render
    steps = daemon.refresher._steps
    job = render_job(daemon.refresher._work(daemon.catalogue.entry("card"), Trigger.TTL, 0), "x")
    run = RunSteps(steps, daemon.clock, Trigger.TTL, 0.0)
    await asyncio.gather(*(steps.render(job, run) for _ in range(200)))
    assert most == DRAWN_AHEAD


async def test_recovery_by_a_304_ends_the_default_image_too():
    policy = RefreshPolicy(on_error=OnError.SERVE_DEFAULT)
    daemon = Daemon(binding=sample_binding(refresh=policy, defaults={"title": "n/a"}))
    await daemon.run()
    daemon.source.then(FetchFailed("down", reason="network"))
    await daemon.run()
    assert daemon.defaults.files
    daemon.source.then(NotModified(validators=HELLO.validators))
    await daemon.run()
    assert daemon.state.error_count == 0
    assert daemon.defaults.files == {}


async def test_unchanged_data_behind_a_200_is_not_worth_a_commit():
    daemon = Daemon()
    await daemon.run()
    await daemon.run()
    assert daemon.store.notes == 1
    assert len(daemon.store.events) == 1


async def test_nobody_waits_for_an_image_that_only_a_trigger_can_bring():
    daemon = Daemon(NoDocument(), binding=sample_binding(refresh=MANUAL))
    await daemon.run()
    assert await daemon.refresher.wait_for_image("card", 60) is False


async def test_an_image_that_a_trigger_is_about_to_bring_is_waited_for():
    daemon = Daemon(NoDocument(), binding=sample_binding(refresh=MANUAL))
    await daemon.run()
    daemon.catalogue.entry("card").received = 1
    waiting = asyncio.create_task(daemon.refresher.wait_for_image("card", 60), name="reader")
    await asyncio.sleep(0)
    daemon.source.then(HELLO)
    await daemon.run(Trigger.WEBHOOK)
    assert await waiting is True
    assert daemon.state.triggers_taken == 1


async def test_d2_a_run_has_seen_the_triggers_before_its_start_and_none_that_came_later():
    daemon = Daemon()
    entry = daemon.catalogue.entry("card")
    entry.received = 3
    fetch = daemon.source.fetch

    async def fetch_meanwhile(request):
        entry.received = 4
        return await fetch(request)

    daemon.source.fetch = fetch_meanwhile
    await daemon.run(Trigger.WEBHOOK)
    assert daemon.state.triggers_taken == 3
    assert entry.pending


async def test_every_failure_is_counted_by_stage_and_reason():
    daemon = Daemon(FetchFailed("Data source returned 500", reason="status"))
    await daemon.run()
    await daemon.run()
    assert daemon.metrics._failures["card"] == {("fetch", "status"): 2}


async def test_a_source_that_no_plugin_serves_fails_with_the_way_out():
    daemon = Daemon()
    daemon.refresher._steps._sources = {}
    await daemon.run()
    assert "repaintd doctor" in daemon.state.last_error


async def test_without_a_renderer_bindings_fail_and_say_why():
    daemon = Daemon(renderer=NoRenderer("chromium: not found"))
    await daemon.run()
    assert daemon.state.last_error == "nothing here can draw: chromium: not found"
    assert daemon.tally.renders_error == 1


async def test_serve_default_keeps_its_own_image_beside_the_good_one():
    policy = RefreshPolicy(on_error=OnError.SERVE_DEFAULT)
    daemon = Daemon(binding=sample_binding(refresh=policy, defaults={"title": "n/a"}))
    await daemon.run()
    daemon.source.then(FetchFailed("down", reason="network"))
    await daemon.run()
    assert daemon.images.files == {"card.png": b'plain {"title": "Hello"}'}
    assert daemon.defaults.files == {"card.png": b'plain {"title": "n/a"}'}
    drawn = len(daemon.renderer.jobs)
    await daemon.run()
    assert len(daemon.renderer.jobs) == drawn
    daemon.source.then(NEW)
    await daemon.run()
    assert daemon.defaults.files == {}


async def test_a_default_image_that_cannot_be_drawn_leaves_the_failure_as_it_is():
    policy = RefreshPolicy(on_error=OnError.SERVE_DEFAULT)
    daemon = Daemon(FetchFailed("down", reason="network"), binding=sample_binding(refresh=policy))
    daemon.defaults.failure = PublishFailed("disk full", reason="disk_full")
    with capture_logs() as logs:
        await daemon.run()
    assert daemon.state.last_error == "down"
    assert [e["event"] for e in logs if e["event"].startswith("default")] == [
        "default image not drawn"
    ]


async def test_the_first_image_wakes_who_waits_for_it():
    daemon = Daemon()
    waiting = asyncio.create_task(daemon.refresher.wait_for_image("card", 5), name="reader")
    await asyncio.sleep(0)
    await daemon.run()
    assert await waiting is True
    assert await daemon.refresher.wait_for_image("card", 5) is True


async def test_waiting_for_a_first_image_ends_at_its_time_and_for_unknown_bindings_at_once():
    daemon = Daemon()
    assert await daemon.refresher.wait_for_image("card", 0.01) is False
    assert await daemon.refresher.wait_for_image("ghost", 5) is False


async def test_a_binding_that_is_gone_is_due_never():
    daemon = Daemon()
    assert await daemon.refresher.run("ghost", Trigger.TTL, 0) is None


@pytest.mark.parametrize("host", ["", "example.org:443"])
async def test_one_host_gets_its_share_of_the_slots_at_most(host: str):
    limits = FetchLimits(concurrency=3, per_host=2)
    running, most = 0, 0

    async def fetch() -> None:
        nonlocal running, most
        await limits.take(host)
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        limits.give(host)

    await asyncio.gather(*(fetch() for _ in range(9)))
    assert most == (2 if host else 3)
    assert limits._hosts == {}


@pytest.mark.parametrize("host", ["", "example.org:443"])
async def test_who_is_cancelled_while_waiting_takes_no_slot_along(host: str):
    for concurrency, per_host in ((1, 9), (9, 1)):
        limits = FetchLimits(concurrency=concurrency, per_host=per_host)
        await limits.take(host)
        waiting = asyncio.create_task(limits.take(host), name="waiting")
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        if not waiting.cancelled():
            limits.give(host)  # there was a second slot
        limits.give(host)
        assert limits._hosts == {}
        await asyncio.wait_for(limits.take(host), 1)


async def test_a_304_ends_a_refresh_without_another_look_once_the_image_is_known_to_be_current():
    daemon = Daemon()
    await daemon.run()
    daemon.source.then(NotModified(validators=HELLO.validators))
    entry = daemon.catalogue.entry("card")
    assert entry.drawn
    variables = daemon.state.variables
    await daemon.run()
    assert daemon.state.variables is variables
    assert daemon.state.validators == HELLO.validators
    assert daemon.tally.skipped_fetch == 1


async def test_sources_that_hang_leave_a_turn_of_their_host_to_those_that_answer():
    limits = FetchLimits(concurrency=9, per_host=2)
    await limits.take("h", failing=True)
    hanging = asyncio.create_task(limits.take("h", failing=True), name="hanging")
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await limits.take("h")
    assert not hanging.done()
    limits.give("h", failing=True)
    async with asyncio.timeout(1):
        await hanging
    limits.give("h", failing=True)
    limits.give("h")
    assert limits._hosts == {}
