"""When a binding runs that was given another definition."""

from __future__ import annotations

from dataclasses import replace

import pytest

from repaintd.core.binding import OnError, PolicyType, RefreshPolicy, SourceConfig
from repaintd.core.fingerprint import configured_fingerprint
from repaintd.core.mapping import mapping_fingerprint
from repaintd.core.schedule import NEVER, next_on_grid
from repaintd.core.state import BindingState
from repaintd.runtime.catalogue import Entry
from repaintd.runtime.reload_due import due_when_changed
from repaintd.testing import sample_binding, sample_template

NOW = 1_767_225_600.0
BEFORE = sample_binding(refresh=RefreshPolicy(ttl_seconds=3_600))
TEMPLATE = sample_template()


def drawn(**changes) -> BindingState:
    mapping = mapping_fingerprint(BEFORE, TEMPLATE)
    state = BindingState(
        uid="card",
        attempted=configured_fingerprint(BEFORE, TEMPLATE, mapping),
        render_fingerprint="drawn",
        variables={"title": "Hello"},
        last_attempt_at=NOW - 100,
        next_due_at=NOW + 2_000,
        due_reason="policy",
    )
    return replace(state, **changes)


def due(binding=BEFORE, *, state=None, template=TEMPLATE, before=BEFORE, count=1):
    entry = Entry(before, TEMPLATE, state or drawn())
    entry.reconfigure(binding, template)
    return due_when_changed(entry, before, NOW, count)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Another"},
        {"webhook": None},
        {"refresh": RefreshPolicy(ttl_seconds=3_600, on_error=OnError.SERVE_ERROR)},
    ],
)
def test_what_decides_nothing_moves_no_timer(changes):
    assert due(replace(BEFORE, **changes)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"mapping": {"title": "name"}},
        {"source": SourceConfig(type="http", spec=None, fingerprint="other")},
    ],
)
def test_what_decides_the_image_makes_a_run_at_once(changes):
    found = due(replace(BEFORE, **changes))
    assert found.reason == "changed"
    assert NOW <= found.at < NOW + 0.1


def test_a_changed_template_makes_no_herd():
    template = sample_template(fingerprint="template-2")
    found = [
        due(replace(BEFORE, uid=f"card-{n}"), template=template, count=5_000).at - NOW
        for n in range(5_000)
    ]
    assert min(found) >= 0
    assert max(found) <= 100
    per_second = [sum(1 for at in found if second <= at < second + 1) for second in range(100)]
    assert max(per_second) < 100


def test_a_new_rhythm_begins_without_a_run():
    quick = replace(BEFORE, refresh=RefreshPolicy(ttl_seconds=60))
    found = due(quick)
    assert (found.at, found.reason) == (next_on_grid("card", 60, NOW), "policy")
    assert NOW < found.at <= NOW + 60


def test_a_binding_that_ceases_to_poll_waits_for_triggers():
    assert due(replace(BEFORE, refresh=RefreshPolicy(type=PolicyType.MANUAL))) == NEVER


def test_a_binding_that_begins_to_poll_gets_a_time():
    manual = replace(BEFORE, refresh=RefreshPolicy(type=PolicyType.MANUAL))
    found = due(BEFORE, before=manual, state=drawn(next_due_at=None))
    assert NOW < found.at <= NOW + 3_600


def test_a_back_off_is_not_shortened_by_another_rhythm():
    failing = drawn(error_count=3, next_due_at=NOW + 50, due_reason="retry")
    quick = replace(BEFORE, refresh=RefreshPolicy(ttl_seconds=60))
    assert due(quick, state=failing) is None


def test_a_back_off_that_the_new_rhythm_cannot_have_made_ends_within_a_period():
    failing = drawn(error_count=9, next_due_at=NOW + 3_000, due_reason="retry")
    quick = replace(BEFORE, refresh=RefreshPolicy(ttl_seconds=60))
    found = due(quick, state=failing)
    assert found.reason == "retry"
    assert NOW <= found.at <= NOW + 60


def test_a_failing_binding_that_was_corrected_is_tried_at_once():
    failing = drawn(error_count=9, next_due_at=NOW + 3_000, due_reason="retry")
    corrected = replace(BEFORE, mapping={"title": "name"})
    assert due(corrected, state=failing).reason == "changed"


def test_a_pause_ends_every_plan():
    assert due(replace(BEFORE, paused=True)) == NEVER
    assert due(replace(BEFORE, paused=True, mapping={})) == NEVER


def test_the_end_of_a_pause_is_a_start():
    paused = replace(BEFORE, paused=True)
    late = drawn(next_due_at=NOW - 5_000)
    assert NOW <= due(BEFORE, before=paused, state=late).at < NOW + 1
    assert due(BEFORE, before=paused).at == NOW + 2_000
    changed = replace(BEFORE, mapping={"title": "name"})
    assert due(changed, before=paused).reason == "changed"


def test_a_binding_whose_first_run_is_still_to_come_keeps_its_place():
    new = BindingState(uid="card", next_due_at=NOW + 7, due_reason="first")
    assert due(replace(BEFORE, mapping={"title": "name"}), state=new) is None


@pytest.mark.parametrize("policy", [PolicyType.MANUAL, PolicyType.WEBHOOK, PolicyType.ETAG])
def test_d2_a_run_that_is_owed_to_a_trigger_since_the_start_is_not_planned_away(policy):
    owed = drawn(next_due_at=NOW, due_reason="trigger")
    entry = Entry(BEFORE, TEMPLATE, owed, received=1)
    entry.reconfigure(replace(BEFORE, refresh=RefreshPolicy(type=policy)), TEMPLATE)
    assert due_when_changed(entry, BEFORE, NOW) is None


def test_edits_in_quick_succession_do_not_put_a_run_off():
    another = replace(TEMPLATE, fingerprint="template-2")
    first = due(template=another, count=10_000)
    assert NOW < first.at <= NOW + 200
    waiting = drawn(next_due_at=NOW + 0.5, due_reason="changed")
    assert due(template=another, state=waiting, count=10_000) is None
    overdue = drawn(next_due_at=NOW - 5)
    assert due(template=another, state=overdue, count=10_000) == first
