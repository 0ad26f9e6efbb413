from __future__ import annotations

from dataclasses import replace

import pytest

from repaintd.core.binding import PolicyType, RefreshPolicy, SourceConfig
from repaintd.core.fingerprint import render_fingerprint
from repaintd.core.mapping import mapping_fingerprint
from repaintd.core.schedule import NEVER, next_on_grid
from repaintd.core.state import BindingState
from repaintd.runtime.catalogue import Catalogue, first_due, forget_image, outdated, plan
from repaintd.testing import sample_binding, sample_template

NOW = 1_767_225_600.0


def entry(binding=None, state: BindingState | None = None, template=None):
    binding = binding or sample_binding()
    catalogue = Catalogue()
    states = {binding.uid: state} if state else {}
    catalogue.load({binding.uid: binding}, {"plain": template or sample_template()}, states, NOW)
    found = catalogue.entry(binding.uid)
    assert found is not None
    return found


def drawn(**changes) -> BindingState:
    """The state of a binding whose last run went well."""
    binding, template, variables = sample_binding(), sample_template(), {"title": "Hello"}
    state = BindingState(
        uid="card",
        source_fingerprint=binding.source.fingerprint,
        mapping_fingerprint=mapping_fingerprint(binding, template),
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
        uid="card", last_attempt_at=NOW - 5, error_count=1, next_due_at=NOW + 20, due_reason="retry"
    )
    assert first_due(entry(state=failing), NOW, 1).at == NOW + 20


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
    assert outdated(changed)
    assert first_due(changed, NOW, 1).reason == "changed"


def test_a_missing_file_is_drawn_again():
    found = entry(state=drawn())
    assert not outdated(found)
    forget_image(found)
    assert outdated(found)


def test_a_lowered_ttl_counts_at_once():
    binding = sample_binding(refresh=RefreshPolicy(ttl_seconds=60))
    far = drawn(next_due_at=NOW + 3000)
    due = first_due(entry(binding, far), NOW, 1)
    assert due.at == next_on_grid("card", 60, NOW + 30)


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
    plan(found, NEVER)
    assert found.state.next_due_at is None
