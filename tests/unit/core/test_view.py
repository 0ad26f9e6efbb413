from __future__ import annotations

import pytest

from repaintd.core.event import iso
from repaintd.core.state import BindingState, Status
from repaintd.core.view import View
from repaintd.testing import sample_binding


@pytest.mark.parametrize(
    ("paused", "errors", "status"),
    [
        (False, 0, Status.ACTIVE),
        (False, 3, Status.ERROR),
        (True, 0, Status.PAUSED),
        (True, 3, Status.PAUSED),
    ],
)
def test_paused_wins_over_error(paused: bool, errors: int, status: Status):
    binding = sample_binding(paused=paused)
    view = View(binding=binding, state=BindingState(uid="card", error_count=errors))
    assert view.status is status


def test_times_are_told_in_utc_with_milliseconds():
    assert iso(1_767_225_600.25) == "2026-01-01T00:00:00.250Z"
    assert iso(None) is None
