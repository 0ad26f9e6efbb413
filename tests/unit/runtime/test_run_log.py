from __future__ import annotations

import asyncio
from dataclasses import replace

import prometheus_client
import pytest
import structlog
from structlog.testing import capture_logs

from repaintd.core.binding import OnError, RefreshPolicy
from repaintd.core.fetch import Fetched, NoDocument, NotModified, Validators
from repaintd.core.run import Ending, Streak
from repaintd.core.state import Trigger
from repaintd.errors import FetchFailed, RenderFailed, StoreUnavailable
from repaintd.metrics import Metrics
from repaintd.runtime.catalogue import Catalogue
from repaintd.runtime.limits import FetchLimits
from repaintd.runtime.refresher import Refresher
from repaintd.runtime.run_log import ERROR_CHARACTERS, SLOW_COMMIT
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

HELLO = Fetched(document={"title": "Hello"}, body_hash="1", validators=Validators(etag='"1"'))
NEW = Fetched(document={"title": "New"}, body_hash="2", validators=Validators(etag='"2"'))
SAME = NotModified(validators=Validators(etag='"1"'))


class SlowStore(MemoryStore):
    """Takes its time with every commit."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.took = 0.0
        self._time = clock

    async def commit(self, *args):
        self._time.advance(self.took)
        await super().commit(*args)


class SlowSource(FakeSource):
    """Takes its time with every answer."""

    def __init__(self, answers, clock: FakeClock) -> None:
        super().__init__(answers)
        self.took = 0.0
        self._time = clock

    async def fetch(self, request):
        self._time.advance(self.took)
        return await super().fetch(request)


class Daemon:
    def __init__(self, *answers, binding=None, per_host=2) -> None:
        self.clock = FakeClock()
        self.source = SlowSource(answers or [HELLO], self.clock)
        self.store = SlowStore(self.clock)
        self.renderer = FakeRenderer()
        self.limits = FetchLimits(concurrency=4, per_host=per_host)
        self.catalogue = Catalogue()
        self.metrics = Metrics(prometheus_client.CollectorRegistry(), version="0")
        binding = binding or sample_binding()
        self.catalogue.load(
            {binding.uid: binding}, {"plain": sample_template()}, {}, self.clock.now()
        )
        steps = MeasuredSteps(
            sources={"http": self.source},
            engine=FakeEngine(),
            renderer=self.renderer,
            renderer_name="fake",
            images=MemoryImages(),
            limits=self.limits,
            metrics=self.metrics,
            clock=self.clock,
            timeout=30,
            max_bytes=1000,
        )
        self.refresher = Refresher(
            catalogue=self.catalogue,
            steps=steps,
            store=self.store,
            defaults=MemoryImages(),
            metrics=self.metrics,
            clock=self.clock,
            log=structlog.get_logger(),
            public_url="http://h",
            render_timeout=15,
        )

    async def run(self, trigger: Trigger = Trigger.TTL, *, lag: float = 0.0) -> None:
        self.clock.advance(60)
        with capture_logs():
            await self.refresher.run("card", trigger, lag)

    @property
    def state(self):
        return self.catalogue.entry("card").state

    async def lines(self):
        return await self.store.runs("card")


async def test_a_published_image_is_a_line_with_its_stages_and_what_changed():
    daemon = Daemon(HELLO, NEW)
    daemon.source.took = 0.25
    await daemon.run(lag=1.5)
    await daemon.run(Trigger.MANUAL)

    first, second = await daemon.lines()
    assert (first.number, first.ending, first.trigger, first.late) == (1, "published", "ttl", 1.5)
    assert (second.number, second.trigger, second.changed) == (2, "manual", ("title",))
    assert first.stages.keys() >= {"turn", "fetch", "map", "queue", "expand", "render", "publish"}
    assert first.stages["fetch"] == first.seconds == 0.25
    assert (first.next_at, first.due_reason) is not None
    assert second.next_at == daemon.state.next_due_at
    assert daemon.state.streak == Streak(number=3)


async def test_a_hundred_304s_are_one_streak_and_no_line():
    daemon = Daemon(HELLO, SAME)
    await daemon.run()
    daemon.source.took = 0.25
    await daemon.run()
    daemon.source.took = 0.75
    await daemon.run()
    daemon.source.took = 0.5
    for _ in range(98):
        await daemon.run()

    assert [line.number for line in await daemon.lines()] == [1]
    streak = daemon.state.streak
    assert (streak.number, streak.count, streak.fetch) == (2, 100, 0.75)
    assert (streak.trigger, streak.ending) == (Trigger.TTL, Ending.NOT_MODIFIED)


async def test_a_streak_is_written_down_when_something_else_happens():
    daemon = Daemon(HELLO, SAME, SAME, NEW)
    for _ in range(4):
        await daemon.run()

    assert [(line.number, line.count, line.ending) for line in await daemon.lines()] == [
        (1, 1, "published"),
        (2, 2, "not_modified"),
        (4, 1, "published"),
    ]
    streak = (await daemon.lines())[1]
    assert streak.last_at - streak.at == 60


async def test_another_trigger_begins_another_streak():
    daemon = Daemon(HELLO, SAME)
    await daemon.run()
    for trigger in (Trigger.TTL, Trigger.TTL, Trigger.MANUAL, Trigger.TTL):
        await daemon.run(trigger)
    runs = [*await daemon.lines(), daemon.state.streak]
    assert [(each.number, each.count, each.trigger) for each in runs] == [
        (1, 1, "ttl"),
        (2, 2, "ttl"),
        (4, 1, "manual"),
        (5, 1, "ttl"),
    ]


async def test_equal_variables_are_a_streak_too():
    daemon = Daemon(HELLO)
    for _ in range(4):
        await daemon.run()
    assert daemon.state.streak.ending is Ending.UNCHANGED
    assert daemon.state.streak.count == 3


async def test_a_failure_is_a_line_with_stage_reason_and_message():
    daemon = Daemon(HELLO, SAME, FetchFailed("no answer" * 1000, reason="timeout"))
    for _ in range(4):
        await daemon.run()
    lines = await daemon.lines()
    assert [line.ending for line in lines] == ["published", "not_modified", "failed", "failed"]
    assert (lines[-1].stage, lines[-1].reason) == ("fetch", "timeout")
    assert len(lines[-1].error) == ERROR_CHARACTERS
    assert lines[-1].due_reason == "retry"


async def test_a_failure_while_drawing_has_the_stages_that_it_came_to():
    daemon = Daemon()
    daemon.renderer.failure = RenderFailed("no", reason="script")
    await daemon.run()
    (line,) = await daemon.lines()
    assert "render" in line.stages
    assert "publish" not in line.stages


async def test_drawing_the_default_image_adds_nothing_to_the_times_of_the_run():
    policy = RefreshPolicy(on_error=OnError.SERVE_DEFAULT)
    daemon = Daemon(FetchFailed("no", reason="status"), binding=sample_binding(refresh=policy))
    await daemon.run()
    (line,) = await daemon.lines()
    assert "render" not in line.stages


async def test_waiting_for_data_is_a_line_and_the_missing_variables_are_in_it():
    daemon = Daemon(NoDocument(), binding=sample_binding(defaults={"title": "T"}))
    await daemon.run()
    (line,) = await daemon.lines()
    assert line.ending == "published"
    assert [fallback.variable for fallback in line.fallbacks] == ["title"]
    waiting = Daemon(NoDocument())
    await waiting.run()
    assert [line.ending for line in await waiting.lines()] == ["waiting"]


async def test_waiting_for_a_turn_at_the_host_is_told():
    daemon = Daemon(HELLO, per_host=1)
    await daemon.limits.take("example.org:443")
    run = asyncio.create_task(daemon.run())
    for _ in range(5):
        await asyncio.sleep(0)
    assert daemon.refresher.under_way("card").stage == "turn"
    daemon.clock.advance(7.5)
    daemon.limits.give("example.org:443")
    await run
    assert daemon.refresher.under_way("card") is None
    (line,) = await daemon.lines()
    assert line.stages["turn"] == 7.5


@pytest.mark.parametrize("took", [SLOW_COMMIT / 2, SLOW_COMMIT * 2])
async def test_a_slow_commit_is_told(took):
    daemon = Daemon()
    daemon.store.took = took
    await daemon.run()
    (line,) = await daemon.lines()
    assert ("commit" in line.stages) == (took > SLOW_COMMIT)


async def test_a_run_that_could_not_be_recorded_is_a_failure_and_keeps_its_number():
    daemon = Daemon()
    daemon.store.failure = StoreUnavailable("disk full")
    await daemon.run()
    daemon.store.failure = None
    await daemon.run()
    lines = await daemon.lines()
    assert [(line.number, line.ending, line.reason) for line in lines] == [
        (1, "failed", "state"),
        (2, "same_bytes", ""),
    ]


async def test_a_bug_is_a_failure():
    daemon = Daemon()
    daemon.refresher._stamp = None  # whatever it is
    await daemon.run()
    (line,) = await daemon.lines()
    assert (line.ending, line.reason) == ("failed", "internal")


async def test_nothing_is_written_down_of_a_binding_that_went_meanwhile():
    daemon = Daemon()
    entry = daemon.catalogue.entry("card")

    async def fetch(_request):
        del daemon.catalogue._entries["card"]
        return HELLO

    daemon.source.fetch = fetch
    await daemon.run()
    assert await daemon.lines() == []
    assert entry.state.streak is None


async def test_a_streak_goes_on_after_a_restart():
    daemon = Daemon(HELLO, SAME)
    await daemon.run()
    await daemon.run()
    entry = daemon.catalogue.entry("card")
    entry.state = replace(entry.state)
    await daemon.run()
    assert daemon.state.streak.count == 2
