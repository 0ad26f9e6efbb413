from __future__ import annotations

from dataclasses import replace

import pytest

from repaintd.core.binding import OutputConfig, PolicyType, RefreshPolicy, SourceConfig
from repaintd.core.fetch import NO_VALIDATORS, Fetched, NoDocument, NotModified, Validators
from repaintd.core.fingerprint import (
    canonical,
    configured_fingerprint,
    digest,
    render_fingerprint,
)
from repaintd.core.health import (
    Stamp,
    after_failure,
    after_not_modified,
    after_success,
    changed,
)
from repaintd.core.mapping import mapping_fingerprint
from repaintd.core.pipeline import Work, draw_default, refresh, render_job
from repaintd.core.schedule import Due
from repaintd.core.state import BindingState, Trigger
from repaintd.core.template import Variable
from repaintd.errors import FetchFailed, RefreshFailed, RenderFailed
from repaintd.testing import (
    FakeEngine,
    FakeRenderer,
    FakeSource,
    MemoryImages,
    sample_binding,
    sample_template,
)

NOW = 1_767_225_600.0
TAGS = Validators(etag='"one"', last_modified="Thu, 01 Jan 2026 00:00:00 GMT")
DUE = Due(NOW + 300, "policy")


def document(title: str = "Hello", **more) -> Fetched:
    return Fetched(document={"title": title}, body_hash=f"hash of {title}", **more)


class World:
    """One binding, its source and its picture; remembers as the daemon would."""

    def __init__(self, *answers, binding=None, template=None) -> None:
        self.source = FakeSource(answers or [document(validators=TAGS)])
        self.engine, self.renderer, self.images = FakeEngine(), FakeRenderer(), MemoryImages()
        self.binding = binding or sample_binding()
        self.template = template or sample_template()
        self.state = BindingState(uid=self.binding.uid)
        self.now = NOW
        self.received = 0
        self.events = []

    async def fetch(self, binding, validators, *, failing):
        from repaintd.core.fetch import FetchRequest

        return await self.source.fetch(
            FetchRequest(uid=binding.uid, spec=None, validators=validators)
        )

    async def expand(self, template, variables):
        return await self.engine.expand(template, variables)

    async def render(self, job):
        return await self.renderer.render(job)

    async def publish(self, binding, image):
        return await self.images.publish(binding, image)

    def work(self, trigger: Trigger = Trigger.TTL) -> Work:
        mapping = mapping_fingerprint(self.binding, self.template)
        return Work(
            binding=self.binding,
            template=self.template,
            state=self.state,
            trigger=trigger,
            now=self.now,
            mapping_fingerprint=mapping,
            configured=configured_fingerprint(self.binding, self.template, mapping),
            received=self.received,
        )

    async def run(self, trigger: Trigger = Trigger.TTL):
        work = self.work(trigger)
        stamp = Stamp(now=self.now, render_url="http://h/b/card.png")
        try:
            outcome = await refresh(work, self)
        except RefreshFailed as failure:
            settled = after_failure(work, failure, DUE, stamp)
            outcome = None
        else:
            settled = after_success(work, outcome, DUE, stamp)
        self.state = settled.state
        if settled.event:
            self.events.append(settled.event)
        return outcome

    @property
    def asked_with(self) -> Validators:
        return self.source.requests[-1].validators


async def test_the_first_run_fetches_draws_publishes_and_says_so():
    world = World()
    outcome = await world.run()

    assert world.asked_with == NO_VALIDATORS
    assert world.images.files == {"card.png": b'plain {"title": "Hello"}'}
    assert outcome.skipped is None
    assert world.state.validators == TAGS
    assert world.state.variables == {"title": "Hello"}
    (event,) = world.events
    assert event.name == "binding.updated"
    assert event.sequence == 1
    assert event.body() == {
        "event": "binding.updated",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "data": {
            "bindingId": "card",
            "templateUid": "plain",
            "imageUrl": "http://h/b/card.png",
            "previousData": None,
            "newData": {"title": "Hello"},
            "uid": "card",
            "templateId": "plain",
            "renderUrl": "http://h/b/card.png",
            "changed": ["title"],
            "etag": world.state.image.etag,
            "trigger": "ttl",
            "sequence": 1,
            "eventId": event.id,
        },
    }


async def test_a_304_costs_nothing_more_and_keeps_its_validators():
    world = World()
    await world.run()
    newer = Validators(etag='"two"', last_modified=TAGS.last_modified)
    world.source.then(NotModified(validators=newer))
    outcome = await world.run()

    assert outcome.skipped == "fetch"
    assert len(world.renderer.jobs) == 1
    assert world.asked_with == TAGS
    assert world.state.validators == newer
    assert len(world.events) == 1


async def test_bad_input_19_the_same_data_under_a_new_etag_draws_nothing_and_keeps_the_tag():
    world = World()
    await world.run()
    newer = Validators(etag='"two"')
    world.source.then(document(validators=newer))
    outcome = await world.run()

    assert outcome.skipped == "render"
    assert len(world.renderer.jobs) == 1
    assert world.state.validators == newer


async def test_other_variables_with_the_same_picture_are_published_once():
    world = World(binding=sample_binding(defaults={"hidden": 1}))
    await world.run()
    world.engine.expand = lambda template, variables: _constant()  # draws no variable

    async def _constant():
        return 'plain {"hidden": 1, "title": "Hello"}'

    world.source.then(document("Other"))
    outcome = await world.run()
    assert outcome.skipped == "publish"
    assert len(world.events) == 1
    assert world.state.variables["title"] == "Other"


async def test_changed_data_replaces_the_image_and_names_what_changed():
    world = World()
    await world.run()
    world.source.then(document("New"))
    await world.run()
    assert world.images.files["card.png"] == b'plain {"title": "New"}'
    assert world.events[1].data["changed"] == ["title"]
    assert world.events[1].data["previousData"] == {"title": "Hello"}
    assert world.events[1].sequence == 2


@pytest.mark.parametrize(
    "same", [{"validators": TAGS}, {"body_hash": "hash of Hello", "validators": NO_VALIDATORS}]
)
async def test_the_etag_policy_takes_an_equal_tag_or_equal_bytes_for_unchanged(same):
    policy = RefreshPolicy(type=PolicyType.ETAG)
    world = World(binding=sample_binding(refresh=policy))
    await world.run()
    world.source.then(replace(document("Changed behind the same tag", validators=TAGS), **same))
    outcome = await world.run()
    assert outcome.skipped == "render"
    assert world.state.variables == {"title": "Hello"}


async def test_the_ttl_policy_takes_every_200_for_new_data():
    world = World()
    await world.run()
    world.source.then(document("Changed behind the same tag", validators=TAGS))
    await world.run()
    assert world.state.variables == {"title": "Changed behind the same tag"}


async def test_a_volatile_template_is_drawn_each_time():
    world = World(template=sample_template(volatile=True))
    await world.run()
    world.source.then(NotModified(validators=TAGS))
    outcome = await world.run()
    assert outcome.skipped == "publish"
    assert len(world.renderer.jobs) == 2


async def test_bad_input_24_a_304_is_believed_for_a_day_at_most():
    world = World()
    await world.run()
    world.source.then(NotModified(validators=TAGS), document("Tomorrow"))
    world.now += 86_399
    await world.run()
    assert world.asked_with == TAGS
    world.now += 2
    await world.run()
    assert world.asked_with == NO_VALIDATORS
    assert world.state.variables == {"title": "Tomorrow"}


async def test_bad_input_25_validators_are_dropped_when_the_source_changes():
    world = World()
    await world.run()
    world.binding = replace(
        world.binding, source=SourceConfig(type="http", spec=None, fingerprint="source-2")
    )
    await world.run()
    assert world.asked_with == NO_VALIDATORS


async def test_a_changed_mapping_fetches_the_document_again():
    world = World()
    await world.run()
    world.binding = replace(world.binding, mapping={"title": "title", "more": "title"})
    await world.run(Trigger.UPDATE)
    assert world.asked_with == NO_VALIDATORS
    assert world.state.variables == {"title": "Hello", "more": "Hello"}


async def test_a_changed_template_is_drawn_from_what_is_known_without_a_fetch():
    world = World()
    await world.run()
    world.template = replace(world.template, id="plain2", fingerprint="template-2")
    outcome = await world.run(Trigger.UPDATE)
    assert len(world.source.requests) == 1
    assert outcome.result is None
    assert world.images.files["card.png"] == b'plain2 {"title": "Hello"}'
    assert world.events[-1].data["trigger"] == "update"


async def test_a_pushed_source_waits_for_its_first_payload():
    world = World(NoDocument())
    outcome = await world.run()
    assert outcome.mapped is None
    assert world.images.files == {}
    assert world.events == []
    assert world.state.error_count == 0


async def test_a_pushed_source_is_drawn_from_defaults_when_they_are_complete():
    world = World(NoDocument(), binding=sample_binding(defaults={"title": "Soon"}))
    await world.run()
    assert world.images.files == {"card.png": b'plain {"title": "Soon"}'}
    assert world.state.fallbacks[0].used == "defaults"


async def test_a_failure_leaves_the_image_and_all_that_is_known_and_says_so():
    world = World()
    await world.run()
    world.source.then(FetchFailed("Data source returned 500", reason="status"))
    before = world.state
    await world.run()

    assert world.images.files == {"card.png": b'plain {"title": "Hello"}'}
    assert world.state.validators == before.validators
    assert world.state.image == before.image
    assert world.state.error_count == 1
    assert world.events[-1].body()["data"] == {
        "bindingId": "card",
        "error": "Data source returned 500",
        "retryCount": 1,
        "nextRetry": "2026-01-01T00:05:00.000Z",
        "uid": "card",
        "templateId": "plain",
        "renderUrl": "http://h/b/card.png",
        "stage": "fetch",
        "reason": "status",
        "onError": "serve_stale",
        "trigger": "ttl",
        "sequence": 2,
        "eventId": world.events[-1].id,
    }


async def test_each_failed_attempt_is_an_event_and_success_resets_the_count():
    world = World(FetchFailed("no", reason="network"))
    await world.run()
    await world.run()
    assert [e.data["retryCount"] for e in world.events] == [1, 2]
    world.source.then(document())
    await world.run()
    assert world.state.error_count == 0
    assert world.state.last_error is None
    assert [e.sequence for e in world.events] == [1, 2, 3]


async def test_data_whose_picture_failed_is_fetched_again_and_not_taken_for_known():
    world = World()
    await world.run()
    world.source.then(document("New", validators=Validators(etag='"two"')))
    world.renderer.failure = RenderFailed("broke", reason="browser_crashed")
    await world.run()
    assert world.state.validators == TAGS
    world.renderer.failure = None
    await world.run()
    assert world.asked_with == TAGS
    assert world.images.files["card.png"] == b'plain {"title": "New"}'


async def test_d3_an_image_that_was_published_but_never_recorded_still_gets_its_event():
    world = World()
    await world.run()
    world.source.then(document("New"))
    recorded = world.state
    await world.run()
    world.state = recorded  # the process died between rename and commit
    outcome = await world.run()
    assert outcome.skipped == "publish"
    assert world.events[-1].data["newData"] == {"title": "New"}
    assert world.events[-1].sequence == 2


async def test_the_default_picture_leaves_the_good_one_alone_and_is_drawn_once():
    world = World(binding=sample_binding(defaults={"title": "n/a"}))
    await world.run()
    drawn = await draw_default(world.work(), world)
    assert drawn is not None
    fingerprint, image = drawn
    assert image.body == b'plain {"title": "n/a"}'
    assert world.images.files == {"card.png": b'plain {"title": "Hello"}'}
    world.state = replace(world.state, default_image=fingerprint)
    assert await draw_default(world.work(), world) is None


def test_the_binding_overrides_the_size_of_the_template():
    world = World(binding=sample_binding(output=OutputConfig(width=600, quality=70)))
    job = render_job(world.work(), "<p>")
    assert (job.width, job.height, job.quality) == (600, 630, 70)


def test_a_fingerprint_changes_with_variables_template_and_output_only():
    template, output = sample_template(), OutputConfig()
    base = render_fingerprint({"a": 1, "b": 2}, template, output)
    assert base == render_fingerprint({"b": 2, "a": 1}, template, output)
    assert base != render_fingerprint({"a": 1, "b": 3}, template, output)
    assert base != render_fingerprint({"a": 1, "b": 2}, replace(template, fingerprint="x"), output)
    assert base != render_fingerprint({"a": 1, "b": 2}, template, OutputConfig(quality=1))


def test_digests_tell_where_one_part_ends():
    assert digest("ab", "c") != digest("a", "bc")


def test_numbers_beyond_64_bits_have_a_canonical_form_too():
    assert canonical({"n": 10**30}) == b'{"n":1000000000000000000000000000000}'


def test_changed_names_what_differs_appeared_or_went():
    assert changed({"a": 1, "b": 1, "c": None}, {"a": 1, "b": 2, "d": 0}) == ["b", "c", "d"]


def test_a_template_variable_without_default_is_missing_not_null():
    assert repr(Variable(name="x").default) == "MISSING"


async def test_a_tag_that_lies_is_found_out_by_the_daily_full_fetch():
    world = World(binding=sample_binding(refresh=RefreshPolicy(type=PolicyType.ETAG)))
    await world.run()
    world.source.then(document("Changed behind the same tag", validators=TAGS))
    await world.run()
    assert world.state.variables == {"title": "Hello"}
    world.now += 86_401
    await world.run()
    assert world.state.variables == {"title": "Changed behind the same tag"}


async def test_bytes_that_were_taken_for_unchanged_by_their_tag_are_not_taken_for_known():
    world = World(binding=sample_binding(refresh=RefreshPolicy(type=PolicyType.ETAG)))
    await world.run()
    world.source.then(document("New", validators=TAGS))
    await world.run()
    world.source.then(document("New", validators=Validators(etag='"two"')))
    await world.run()
    assert world.state.variables == {"title": "New"}


async def test_a_strict_template_waits_for_the_first_payload_and_does_not_fail():
    world = World(NoDocument(), template=sample_template(strict=True))
    outcome = await world.run()
    assert outcome.mapped is None
    assert world.state.error_count == 0


async def test_a_source_that_failed_is_not_well_because_a_template_changed():
    world = World()
    await world.run()
    world.source.then(FetchFailed("down", reason="network"))
    await world.run()
    succeeded = world.state.last_success_at
    world.now += 10
    world.template = replace(world.template, fingerprint="template-2")
    outcome = await world.run(Trigger.UPDATE)
    assert outcome.result is None
    assert outcome.image is not None
    assert (world.state.error_count, world.state.last_error) == (1, "down")
    assert world.state.last_success_at == succeeded


async def test_a_template_that_failed_is_well_when_it_is_mended():
    world = World()
    await world.run()
    world.template = replace(world.template, fingerprint="broken")
    world.engine.failure = RenderFailed("no such filter", reason="template")
    await world.run(Trigger.UPDATE)
    assert world.state.error_count == 1
    world.engine.failure = None
    world.template = replace(world.template, fingerprint="mended")
    await world.run(Trigger.UPDATE)
    assert world.state.error_count == 0


async def test_d3_the_same_event_has_the_same_id_when_it_has_to_be_written_again():
    world = World()
    before = world.state
    await world.run()
    world.state = before  # the commit was refused, and went through all the same
    await world.run()
    assert world.events[0].id == world.events[1].id
    world.source.then(document("New"))
    await world.run()
    assert len({event.id for event in world.events}) == 2


async def test_d3_another_image_is_another_event_though_the_one_before_was_said_to_be_refused():
    world = World()
    before = world.state
    await world.run()
    world.state = before  # the commit was refused, and went through all the same
    world.source.then(document("New"))
    await world.run()
    assert [event.sequence for event in world.events] == [1, 1]
    assert len({event.id for event in world.events}) == 2


async def test_who_waits_to_be_drawn_holds_no_document():
    world = World()
    outcome = await world.run()
    assert outcome.result.document is None


async def test_the_short_way_of_a_304_ends_in_the_same_state_as_the_long_one():
    world = World()
    await world.run()
    world.source.then(FetchFailed("down", reason="network"))
    await world.run()
    world.now += 100
    world.received = 3
    world.source.then(NotModified(validators=Validators(etag='"two"')))
    work, due = replace(world.work(), drawn=True), Due(world.now + 300, "policy")
    outcome = await refresh(work, world)
    assert outcome.mapped is None
    long_way = after_success(work, outcome, due, Stamp(now=world.now + 1, render_url=""))
    assert after_not_modified(work, outcome.result, due, world.now + 1) == long_way.state
    assert long_way.event is None


@pytest.mark.parametrize(
    "answer",
    [
        document(),
        NotModified(validators=TAGS),
        NoDocument(),
        FetchFailed("down", reason="network"),
    ],
)
async def test_d2_every_recorded_run_has_seen_the_triggers_that_came_before_it(answer):
    world = World()
    await world.run()
    assert world.state.triggers_taken == 0
    world.received = 7
    world.source.then(answer)
    await world.run(Trigger.WEBHOOK)
    assert world.state.triggers_taken == 7


async def test_a_run_called_after_a_change_fetches_all_the_same_when_a_trigger_came_before_it():
    world = World()
    await world.run()
    world.source.then(document("Pushed"))
    world.received = 1
    await world.run(Trigger.UPDATE)
    assert world.state.variables == {"title": "Pushed"}
    asked = len(world.source.requests)
    await world.run(Trigger.UPDATE)
    assert len(world.source.requests) == asked


@pytest.mark.parametrize("trigger", [Trigger.WEBHOOK, Trigger.MANUAL])
async def test_a_trigger_asks_the_source_also_when_nothing_was_configured_anew(trigger: Trigger):
    world = World()
    await world.run()
    world.source.then(NotModified(validators=TAGS))
    outcome = await world.run(trigger)
    assert world.asked_with == TAGS
    assert outcome.skipped == "fetch"


async def test_every_event_says_its_id_in_its_body():
    world = World(FetchFailed("down", reason="network"), document())
    await world.run()
    await world.run()
    assert [event.body()["data"]["eventId"] for event in world.events] == [
        event.id for event in world.events
    ]
    assert len({event.id for event in world.events}) == 2
