"""A new configuration takes the place of the active one; what did not change is not touched."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import prometheus_client
import structlog
from structlog.testing import capture_logs

from repaintd.core.binding import ImageFormat, OutputConfig, RefreshPolicy, SourceConfig
from repaintd.core.difference import Declared, compare
from repaintd.core.fetch import Fetched, NotModified, Validators
from repaintd.core.intake import Intake
from repaintd.core.state import BindingState, Trigger
from repaintd.errors import StoreUnavailable
from repaintd.metrics import Metrics
from repaintd.runtime import reload_apply
from repaintd.runtime.catalogue import Catalogue
from repaintd.runtime.limits import FetchLimits
from repaintd.runtime.refresher import Refresher
from repaintd.runtime.reload_apply import Applier
from repaintd.runtime.resumption import first_due, trigger_of
from repaintd.runtime.scheduler import Scheduler
from repaintd.runtime.steps import MeasuredSteps
from repaintd.testing import (
    FakeEngine,
    FakeRenderer,
    MemoryImages,
    MemoryStore,
    sample_binding,
    sample_template,
)
from repaintd.testing.virtual_time import VirtualClock, in_virtual_time

HOUR = RefreshPolicy(ttl_seconds=3_600)


class Source:
    """Says 304 to who asks with conditions; lets nobody out while the gate is closed."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.conditional: list[bool] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, request):
        self.asked.append(request.uid)
        self.conditional.append(request.validators.etag is not None)
        await self.gate.wait()
        validators = Validators(etag='"1"')
        if request.validators.etag is not None:
            return NotModified(validators=validators)
        document = {"title": request.uid, "name": "N"}
        return Fetched(document=document, body_hash="1", validators=validators)


class Renderer(FakeRenderer):
    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()

    async def render(self, job):
        await self.gate.wait()
        return await super().render(job)


class Images(MemoryImages):
    def __init__(self) -> None:
        super().__init__()
        self.adopted: list[str] = []

    def adopt(self, uid: str, filename: str) -> None:
        self.adopted.append(filename)


class House:
    """A daemon without its edges."""

    def __init__(self, *bindings, templates=None, shelf=None) -> None:
        self.clock, self.source, self.renderer = VirtualClock(), Source(), Renderer()
        self.store, self.images, self.defaults = MemoryStore(), Images(), Images()
        self.metrics = Metrics(prometheus_client.CollectorRegistry(), version="0")
        self.catalogue, log = Catalogue(), structlog.get_logger()
        self.templates = templates or {"plain": sample_template()}
        self.bindings = {binding.uid: binding for binding in bindings}
        self.catalogue.load(self.bindings, self.templates, {}, self.clock.now())
        steps = MeasuredSteps(
            sources={"http": self.source},
            engine=FakeEngine(),
            renderer=self.renderer,
            renderer_name="fake",
            images=self.images,
            limits=FetchLimits(concurrency=500, per_host=500),
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
            log=log,
            public_url="http://h",
            render_timeout=15,
        )
        self.scheduler = Scheduler(
            run=self.refresher.run,
            trigger_of=lambda uid: trigger_of(self.catalogue.get(uid)),
            clock=self.clock,
            log=log,
        )
        self.gone: list[str] = []
        self.applier = Applier(
            catalogue=self.catalogue,
            scheduler=self.scheduler,
            refresher=self.refresher,
            store=self.store,
            images=self.images,
            defaults=self.defaults,
            metrics=self.metrics,
            clock=self.clock,
            log=log,
            on_gone=self.gone.append,
            shelf=shelf,
        )

    async def __aenter__(self):
        for entry in self.catalogue.entries():
            due = first_due(entry, self.clock.now(), len(self.catalogue))
            entry.plan(due)
            self.scheduler.set(entry.binding.uid, due.at)
        self.task = asyncio.create_task(self.scheduler.serve())
        await asyncio.sleep(1)
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.wait([self.task])

    async def apply(self, *bindings, templates=None):
        new = {binding.uid: binding for binding in bindings}
        templates = templates or self.templates
        difference = compare(
            Declared(bindings=self.bindings, templates=self.templates),
            Declared(bindings=new, templates=templates),
        )
        await self.applier.apply(difference, new, templates)
        self.bindings, self.templates = new, templates
        return difference

    def state(self, uid: str = "card") -> BindingState:
        return self.catalogue.get(uid).state

    def sequences(self, uid: str = "card") -> list[int]:
        return [event.sequence for event in self.store.events if event.uid == uid]


def card(uid: str = "card", **changes):
    return sample_binding(uid=uid, **{"refresh": HOUR, **changes})


def changed_template(**changes):
    return sample_template(**{"fingerprint": "template-2", **changes})


@in_virtual_time
async def test_c4_what_did_not_change_is_not_touched():
    async with House(card("a"), card("b"), card("c")) as house:
        entries = {uid: house.catalogue.entry(uid) for uid in ("a", "b")}
        states = {uid: house.state(uid) for uid in ("a", "b")}
        timers = {uid: house.scheduler._timetable.at(uid) for uid in ("a", "b")}
        await house.apply(card("a"), card("b"), card("c", mapping={"title": "name"}), card("d"))
        await asyncio.sleep(1)
        assert {uid: house.catalogue.entry(uid) for uid in ("a", "b")} == entries
        assert {uid: house.state(uid) for uid in ("a", "b")} == states
        assert {uid: house.scheduler._timetable.at(uid) for uid in ("a", "b")} == timers
        assert sorted(house.source.asked) == ["a", "b", "c", "c", "d"]


@in_virtual_time
async def test_a_definition_that_moved_to_another_file_is_held_once():
    async with House(card("a")) as house:
        moved = replace(card("a"), origin="elsewhere")
        assert (await house.apply(moved)).empty
        assert house.catalogue.entry("a").binding is moved
        assert house.source.asked == ["a"]


@in_virtual_time
async def test_a_changed_template_is_drawn_from_what_is_known_without_a_question():
    templates = {"plain": sample_template(), "other": sample_template(id="other")}
    async with House(card("a"), card("b", template_id="other"), templates=templates) as house:
        house.store.events.clear()
        await house.apply(
            card("a"),
            card("b", template_id="other"),
            templates={**templates, "other": changed_template(id="other", markup="new")},
        )
        await asyncio.sleep(1)
        assert sorted(house.source.asked) == ["a", "b"]
        assert len(house.renderer.jobs) == 3
        assert house.catalogue.entry("b").drawn
        assert not house.catalogue.entry("b").outdated
        assert house.state("b").due_reason == "policy"


@in_virtual_time
async def test_a_changed_source_is_asked_without_the_validators_of_the_old_one():
    async with House(card()) as house:
        await house.apply(
            card(source=SourceConfig(type="http", spec=None, fingerprint="other", host="h:1"))
        )
        await asyncio.sleep(1)
        assert house.source.conditional == [False, False]


@in_virtual_time
async def test_many_changed_bindings_are_drawn_one_after_the_other():
    bindings = [card(f"c{n:04}") for n in range(1000)]
    async with House(*bindings) as house:
        await asyncio.sleep(30)
        drawn = len(house.renderer.jobs)
        await house.apply(*bindings, templates={"plain": changed_template()})
        await asyncio.sleep(5)
        assert 0 < len(house.renderer.jobs) - drawn < 500
        await asyncio.sleep(20)
        assert len(house.renderer.jobs) - drawn == 1000
        assert len(house.source.asked) == 1000


@in_virtual_time
async def test_a_run_under_way_goes_on_and_does_not_speak_for_the_new_definition():
    house = House(card())
    house.source.gate.clear()
    async with house:
        assert house.source.asked == ["card"]
        changed = card(mapping={"title": "name"})
        await house.apply(changed)
        house.source.gate.set()
        await asyncio.sleep(1)
        assert house.source.asked == ["card", "card"]
        assert house.sequences() == [1, 2]
        events = house.store.events
        assert [event.data["newData"] for event in events] == [{"title": "card"}, {"title": "N"}]
        assert events[1].data["trigger"] == "update"
        assert house.catalogue.entry("card").drawn
        assert house.store.states["card"] == house.state()
        await asyncio.sleep(10)
        assert house.source.asked == ["card", "card"]


@in_virtual_time
async def test_a_template_that_changes_during_a_drawing_is_drawn_after_it():
    house = House(card())
    house.renderer.gate.clear()
    async with house:
        await house.apply(card(), templates={"plain": changed_template(id="plain", width=7)})
        house.renderer.gate.set()
        await asyncio.sleep(1)
        assert [job.width for job in house.renderer.jobs] == [1200, 7]
        assert house.source.asked == ["card"]
        assert house.catalogue.entry("card").drawn


@in_virtual_time
async def test_c4_a_hundred_runs_under_way_fire_once_each():
    bindings = [card(f"c{n:03}") for n in range(100)]
    house = House(*bindings)
    house.source.gate.clear()
    async with house:
        await asyncio.sleep(5)
        assert len(house.source.asked) == 100
        await house.apply(*bindings[:-1], card("new"))
        await house.apply(*bindings[:-1], card("new"), card("newer"))
        await asyncio.sleep(1)
        house.source.gate.set()
        await asyncio.sleep(60)
        assert len(house.source.asked) == len(set(house.source.asked)) == 102


@in_virtual_time
async def test_a_pause_stops_the_timer_and_triggers_that_wait_and_no_run_under_way():
    house = House(card(refresh=RefreshPolicy(ttl_seconds=5)))
    house.source.gate.clear()
    async with house:
        house.scheduler.trigger("card", Trigger.MANUAL)
        await house.apply(card(refresh=RefreshPolicy(ttl_seconds=5), paused=True))
        house.source.gate.set()
        await asyncio.sleep(100)
        assert house.source.asked == ["card"]
        assert "card.png" in house.images.files
        await house.apply(card(refresh=RefreshPolicy(ttl_seconds=5)))
        await asyncio.sleep(6)
        assert len(house.source.asked) in (2, 3)


@in_virtual_time
async def test_a_pause_that_ends_during_the_run_it_began_in_leaves_the_timer_on():
    house = House(card(refresh=RefreshPolicy(ttl_seconds=5)))
    house.source.gate.clear()
    async with house:
        await house.apply(card(refresh=RefreshPolicy(ttl_seconds=5), paused=True))
        await house.apply(card(refresh=RefreshPolicy(ttl_seconds=5)))
        house.source.gate.set()
        await asyncio.sleep(20)
        assert len(house.source.asked) >= 3


@in_virtual_time
async def test_a_policy_that_changes_during_a_run_counts_after_it():
    house = House(card())
    house.source.gate.clear()
    async with house:
        await house.apply(card(refresh=RefreshPolicy(ttl_seconds=5)))
        house.source.gate.set()
        await asyncio.sleep(20)
        assert 3 <= len(house.source.asked) <= 6


@in_virtual_time
async def test_a_removed_binding_leaves_nothing():
    async with House(card("a"), card("b")) as house:
        intake = Intake(uid="a", refresh_id="r", trigger=Trigger.MANUAL, at=0.0)
        await house.store.accept(intake)
        house.defaults.files["a.png"] = b"default"
        await house.apply(card("b"))
        assert "a" not in house.store.states
        assert house.store.received() == {}
        assert set(house.images.files) == {"b.png"}
        assert house.defaults.files == {}
        assert set(house.metrics.tallies()) == {"b"}
        assert house.gone == ["a"]
        await asyncio.sleep(10_000)
        assert house.source.asked.count("a") == 1


@in_virtual_time
async def test_a_binding_that_is_removed_while_it_is_drawn_is_not_brought_back():
    house = House(card("a"), card("b"))
    house.renderer.gate.clear()
    async with house:
        waiting = asyncio.create_task(house.refresher.wait_for_image("a", 60))
        await asyncio.sleep(0)
        await house.apply(card("b"))
        assert await waiting
        house.renderer.gate.set()
        await asyncio.sleep(5)
        assert "a" not in house.store.states
        assert set(house.images.files) == {"b.png"}
        assert house.images.adopted == house.defaults.adopted == ["a.png"]
        assert house.sequences("a") == []
        assert not house.scheduler.is_running("a")


@in_virtual_time
async def test_a_binding_that_comes_back_begins_anew_with_events_of_its_own():
    async with House(card("a"), card("b")) as house:
        ids = {event.id for event in house.store.events if event.uid == "a"}
        await house.apply(card("b"))
        await house.apply(card("a"), card("b"))
        await asyncio.sleep(1)
        events = [event for event in house.store.events if event.uid == "a"]
        assert [event.sequence for event in events] == [1, 1]
        assert {event.id for event in events} > ids
        assert len({event.id for event in events}) == 2


@in_virtual_time
async def test_a_run_that_ignores_its_end_holds_up_nobody_for_long():
    house = House(card("a"))

    async def stubborn(*_):
        while True:
            try:
                await asyncio.sleep(1e6)
            except asyncio.CancelledError:
                if house.released:
                    raise

    house.released = False
    house.source.fetch = stubborn
    async with house:
        with capture_logs() as logs:
            await house.apply()
        assert logs[0]["event"] == "the refresh of a binding that is gone does not end"
        assert house.store.states == {}
        house.released = True


@in_virtual_time
async def test_what_cannot_be_forgotten_now_is_forgotten_with_the_next_reload():
    async with House(card("a"), card("b")) as house:
        house.store.failure = StoreUnavailable("disk full")
        with capture_logs() as logs:
            await house.apply(card("b"))
            await house.apply(card("b"))
        said = [(each["event"], each["log_level"]) for each in logs]
        assert said == [
            ("a binding that is gone is still remembered", "warning"),
            ("a binding that is gone is still remembered", "debug"),
        ]
        assert "a" in house.store.states
        house.store.failure = None
        await house.apply(card("b"))
        assert set(house.store.states) == {"b"}


@in_virtual_time
async def test_what_comes_back_before_it_was_forgotten_is_not_forgotten_any_more():
    async with House(card("a"), card("b")) as house:
        house.store.failure = StoreUnavailable("disk full")
        await house.apply(card("b"))
        house.store.failure = None
        await house.applier._add(["a"], {"a": card("a")}, house.templates)
        await asyncio.sleep(1)
        await house.apply(card("a"), card("b"))
        assert set(house.store.states) == {"a", "b"}


@in_virtual_time
async def test_doing_it_twice_does_it_once():
    async with House(card("a")) as house:
        new = {"a": card("a", mapping={"title": "name"}), "b": card("b")}
        difference = compare(
            Declared(bindings=house.bindings, templates=house.templates),
            Declared(bindings=new, templates=house.templates),
        )
        await house.applier.apply(difference, new, house.templates)
        entry = house.catalogue.entry("b")
        await house.applier.apply(difference, new, house.templates)
        await asyncio.sleep(5)
        assert house.catalogue.entry("b") is entry
        assert sorted(house.source.asked) == ["a", "a", "b"]


@in_virtual_time
async def test_states_that_were_kept_for_an_emptied_configuration_are_taken_up_again():
    kept = BindingState(uid="a", sequence=41, created_at=5.0)
    other = BindingState(uid="z", sequence=7)
    house = House(shelf={"a": kept, "z": other})
    house.images.files["z.png"] = b"old"
    house.store.states = {"a": kept, "z": other}
    async with house:
        await house.apply(card("a"))
        await asyncio.sleep(1)
        assert house.state("a").sequence == 42
        assert set(house.store.states) == {"a"}
        assert set(house.images.files) == {"a.png"}


@in_virtual_time
async def test_a_new_format_leaves_one_file():
    async with House(card()) as house:
        await house.apply(card(output=OutputConfig(format=ImageFormat.WEBP)))
        await asyncio.sleep(1)
        assert "card.webp" in house.images.files
        assert house.source.asked == ["card"]


async def test_the_loop_answers_others_between_the_slices(monkeypatch):
    monkeypatch.setattr(reload_apply, "SLICE", 0.0)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    house = House()
    task = asyncio.create_task(others())
    await house.apply(*(card(f"c{n}") for n in range(50)))
    task.cancel()
    assert turns >= 100  # made, and then planned


async def test_nothing_to_do_is_nothing_done():
    house = House()
    await house.applier.apply(compare(_nothing(), _nothing()), {}, {})
    assert len(house.catalogue) == 0


def _nothing() -> Declared:
    return Declared(bindings={}, templates={})
