from __future__ import annotations

import pytest

from repaintd.cli.listing import COLOURS, _row

BINDING = {"uid": "card", "outputConfig": {"format": "png"}}


@pytest.mark.parametrize(
    ("status", "stale", "shown"),
    [
        ("active", False, "active"),
        ("active", True, "stale"),
        ("error", True, "error, stale"),
        ("paused", True, "paused, stale"),
    ],
)
def test_a_binding_whose_data_is_too_old_is_listed_as_such(status, stale, shown):
    row = _row({**BINDING, "status": status, "stale": stale}, 0.0)
    assert row[1] == shown
    assert shown in COLOURS


def test_what_a_daemon_of_an_earlier_version_tells_is_listed_too():
    assert _row({**BINDING, "status": "active"}, 0.0)[1] == "active"
