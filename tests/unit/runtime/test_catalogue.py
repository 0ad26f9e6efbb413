from __future__ import annotations

from dataclasses import replace

import pytest

from repaintd.core.binding import Origin, PolicyType, RefreshPolicy, SourceConfig
from repaintd.core.fingerprint import configured_fingerprint, render_fingerprint
from repaintd.core.mapping import mapping_fingerprint
from repaintd.core.schedule import NEVER
from repaintd.core.state import BindingState, StoredImage, Trigger
from repaintd.core.view import View
from repaintd.runtime.catalogue import Catalogue, Entry
from repaintd.runtime.resumption import first_due, trigger_of
from repaintd.testing import sample_binding, sample_template

NOW = 1_767_225_600.0


def entry(binding=None, state: BindingState | None = None, template=None, received: int = 0):
    binding = binding or sample_binding()
    catalogue = Catalogue()
    states = {binding.uid: state} if state else {}
    templates = {"plain": template or sample_template()}
    catalogue.load({binding.uid: binding}, templates, states, NOW, {"card": received})
    found = catalogue.entry(binding.uid)
    assert found is not None
    return found


def drawn(**changes) -> BindingState:
    """The state of a binding whose last run went well."""
    binding, template, variables = sample_binding(), sample_template(), {"title": "Hello"}
    mapping = mapping_fingerprint(binding, template)
    state = BindingState(
        uid="card",
        source_fingerprint=binding.source.fingerprint,
        mapping_fingerprint=mapping,
        attempted=configured_fingerprint(binding, template, mapping),
        render_fingerprint=render_fingerprint(variables, template, binding.output),
        variables=variables,
        last_attempt_at=NOW - 100,
        next_due_at=NOW + 200,
        due_reason="policy",
    )
    return replace(state, **changes)


def test_a_new_binding_runs_at_once():
    due = first_due(entry(), NOW, 1)
    assert due.reason == "first"
    assert NOW <= due.at < NOW + 0.1


def test_a_paused_binding_runs_never():
    assert first_due(entry(sample_binding(paused=True)), NOW, 1) == NEVER


def test_a_restart_moves_no_timer():
    assert first_due(entry(state=drawn()), NOW, 1).at == NOW + 200


def test_a_restart_forgets_no_back_off():
    failing = drawn(error_count=4, next_due_at=NOW + 240, due_reason="retry")
    due = first_due(entry(state=failing), NOW, 1)
    assert (due.at, due.reason) == (NOW + 240, "retry")


def test_a_failing_binding_that_never_had_data_keeps_its_back_off_too():
    failing = BindingState(
        uid="card",
        attempted=drawn().attempted,
        last_attempt_at=NOW - 5,
        error_count=1,
        next_due_at=NOW + 20,
        due_reason="retry",
    )
    assert first_due(entry(state=failing), NOW, 1).at == NOW + 20


def test_a_failing_binding_that_was_corrected_is_tried_at_once():
    failing = BindingState(
        uid="card",
        attempted=drawn().attempted,
        last_attempt_at=NOW - 5,
        error_count=9,
        next_due_at=NOW + 250,
        due_reason="retry",
    )
    corrected = sample_binding(source=SourceConfig(type="http", spec=None, fingerprint="right"))
    assert first_due(entry(corrected, failing), NOW, 1).reason == "changed"


@pytest.mark.parametrize("reason", ["retry", "cache_control", "policy", "retry_after"])
def test_a_due_time_that_no_policy_can_have_made_is_not_believed(reason: str):
    ahead = drawn(next_due_at=NOW + 50 * 365 * 86_400, due_reason=reason)
    assert first_due(entry(state=ahead), NOW, 1).at < NOW + 1


def test_what_cache_control_put_off_stays_put_off_while_the_policy_is_etag():
    later = drawn(next_due_at=NOW + 80_000, due_reason="cache_control")
    etag = sample_binding(refresh=RefreshPolicy(type=PolicyType.ETAG))
    assert first_due(entry(etag, later), NOW, 1).at == NOW + 80_000
    assert first_due(entry(state=later), NOW, 1).at < NOW + 1


def test_polls_missed_while_the_daemon_was_down_are_made_up_spread_out():
    dues = []
    for n in range(200):
        uid = f"card-{n}"
        late = drawn(uid=uid, next_due_at=NOW - 1000)
        dues.append(first_due(entry(sample_binding(uid=uid), late), NOW, 1000).at - NOW)
    assert min(dues) >= 0
    assert 15 < max(dues) <= 20


@pytest.mark.parametrize(
    "changes",
    [
        {"source": SourceConfig(type="http", spec=None, fingerprint="other")},
        {"mapping": {"title": "name"}},
    ],
)
def test_a_changed_binding_runs_at_once(changes):
    due = first_due(entry(sample_binding(**changes), drawn()), NOW, 1)
    assert due.reason == "changed"
    assert due.at < NOW + 1


def test_a_changed_template_is_drawn_at_once():
    changed = entry(state=drawn(), template=sample_template(fingerprint="template-2"))
    assert changed.outdated
    assert first_due(changed, NOW, 1).reason == "changed"


def test_a_missing_file_is_drawn_again():
    image = StoredImage(
        etag="e", size=1, format="png", media_type="image/png", width=1, height=1, published_at=NOW
    )
    found = entry(state=drawn(image=image))
    assert not found.outdated
    found.forget_image()
    assert found.outdated


def test_a_lowered_ttl_counts_at_once():
    binding = sample_binding(refresh=RefreshPolicy(ttl_seconds=60))
    far = drawn(next_due_at=NOW + 3000)
    assert first_due(entry(binding, far), NOW, 1).at < NOW + 1


def test_a_binding_that_began_to_poll_gets_a_time():
    assert first_due(entry(state=drawn(next_due_at=None)), NOW, 1).at is not None


@pytest.mark.parametrize("next_due", [None, NOW + 50])
def test_a_binding_that_ceased_to_poll_waits_for_triggers(next_due):
    binding = sample_binding(refresh=RefreshPolicy(type=PolicyType.MANUAL))
    assert first_due(entry(binding, drawn(next_due_at=next_due)), NOW, 1) == NEVER


def test_states_that_nobody_needs_any_more_are_named_and_the_others_moved():
    catalogue = Catalogue()
    states = {"card": drawn(), "gone": BindingState(uid="gone")}
    gone = catalogue.load({"card": sample_binding()}, {"plain": sample_template()}, states, NOW)
    assert gone == ["gone"]
    assert "card" not in states
    assert [view.binding.uid for view in catalogue.all()] == ["card"]
    assert catalogue.get("ghost") is None
    assert len(catalogue) == 1


def test_what_was_planned_is_remembered():
    found = entry(state=drawn())
    found.plan(NEVER)
    assert found.state.next_due_at is None


@pytest.mark.parametrize(
    ("policy", "source", "reason", "trigger"),
    [
        ("ttl", "http", "policy", Trigger.TTL),
        ("etag", "http", "retry", Trigger.ETAG),
        ("etag", "http", "first", Trigger.ETAG),
        ("manual", "http", "retry", Trigger.MANUAL),
        ("manual", "static", "first", Trigger.UPDATE),
        ("ttl", "http", "changed", Trigger.UPDATE),
        ("ttl", "http", "trigger", Trigger.WEBHOOK),
        ("manual", "static", "trigger", Trigger.WEBHOOK),
    ],
)
def test_a_run_is_called_by_what_made_it(policy, source, reason, trigger):
    binding = sample_binding(
        refresh=RefreshPolicy(type=PolicyType(policy)),
        source=SourceConfig(type=source, spec=None, fingerprint="f"),
    )
    state = BindingState(uid="card", due_reason=reason)
    assert trigger_of(View(binding=binding, state=state)) is trigger


OWED = [
    drawn(),
    drawn(error_count=9, next_due_at=NOW + 3_600, due_reason="retry_after"),
    drawn(attempted="something else"),
    drawn(triggers_taken=4, next_due_at=None),
    BindingState(uid="card"),
]


@pytest.mark.parametrize("policy", ["ttl", "etag", "webhook", "manual"])
@pytest.mark.parametrize("state", OWED)
def test_d2_a_trigger_that_no_run_has_seen_is_owed_one_at_once_after_a_restart(state, policy):
    binding = sample_binding(refresh=RefreshPolicy(type=PolicyType(policy)))
    found = entry(binding, state, received=5)
    assert found.pending
    due = first_due(found, NOW, 10_000)
    assert (due.at, due.reason) == (NOW, "trigger")
    found.plan(due)
    assert trigger_of(found.view) is Trigger.WEBHOOK


def test_a_paused_binding_keeps_what_it_owes_for_later():
    found = entry(sample_binding(paused=True), drawn(), received=5)
    assert found.pending
    assert first_due(found, NOW, 1) == NEVER


def test_a_trigger_that_a_run_has_seen_is_owed_nothing():
    found = entry(state=drawn(triggers_taken=5), received=5)
    assert not found.pending
    assert first_due(found, NOW, 1).reason == "policy"


def test_a_reconfigured_binding_keeps_what_is_known_and_is_outdated():
    found = entry(state=drawn(sequence=7), received=3)
    assert found.drawn
    found.reconfigure(sample_binding(mapping={"title": "name"}), sample_template())
    assert found.outdated
    assert not found.drawn
    assert (found.state.sequence, found.received) == (7, 3)
    assert found.state.next_due_at == NOW + 200


def test_a_new_name_leaves_an_image_as_drawn_as_it_was():
    found = entry(state=drawn())
    found.reconfigure(sample_binding(name="Another"), sample_template())
    assert found.drawn
    assert not found.outdated
    assert found.binding.name == "Another"
    found.forget_image()
    found.reconfigure(sample_binding(name="A third"), sample_template())
    assert not found.drawn


def test_a_change_that_is_taken_back_before_a_run_saw_it_leaves_the_image_drawn():
    found = entry(state=drawn())
    found.reconfigure(sample_binding(), sample_template(fingerprint="template-2"))
    assert not found.drawn
    found.reconfigure(sample_binding(), sample_template())
    assert found.drawn
    assert not found.outdated


def test_a_definition_that_only_moved_changes_nothing_else():
    found = entry(state=drawn())
    fingerprint, state = found.configured, found.state
    moved = sample_binding(origin=Origin(file="bindings/b.yaml", line=7))
    found.relocate(moved)
    assert found.binding is moved
    assert (found.configured, found.state) == (fingerprint, state)


def test_bindings_come_and_go_in_their_order_while_somebody_looks():
    catalogue = Catalogue()
    bindings = {uid: sample_binding(uid=uid) for uid in ("b", "d")}
    catalogue.load(bindings, {"plain": sample_template()}, {}, NOW)
    looking, kept = iter(catalogue.entries()), catalogue.entry("d")
    next(looking)
    new = Entry(sample_binding(uid="c"), sample_template(), BindingState(uid="c"))
    catalogue.change(add=[new], remove=["b", "ghost"])
    assert [each.binding.uid for each in looking] == ["d"]
    assert [view.binding.uid for view in catalogue.all()] == ["c", "d"]
    assert catalogue.entry("d") is kept
    assert catalogue.get("b") is None
