"""What all commands that talk to the daemon do when it refuses, or is not there."""

from __future__ import annotations

import pytest

from repaintd.app.client import DaemonRefused, DaemonSilent


@pytest.mark.parametrize("error", [DaemonRefused("Not now.", 503), DaemonSilent("No daemon.")])
@pytest.mark.parametrize(
    "command",
    [
        ("refresh", "card"),
        ("trigger", "card"),
        ("deliveries",),
        ("deliveries", "--replay", "evt_1"),
        ("deliveries", "--resume", "chat"),
        ("events",),
        ("events", "--follow"),
    ],
)
def test_what_the_daemon_says_or_its_silence_is_told_in_words(daemon, run, command, error):
    methods = ("refresh", "trigger", "deliveries", "replay", "resume")
    daemon.answers = dict.fromkeys(methods, error)
    daemon.streams = [[error]]

    assert run(*command) == (1, "", f"repaintd: {error}\n")
