from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from repaintd.core.secret import Secret
from repaintd.errors import SecretUnavailable
from repaintd.web import hook_secrets
from repaintd.web.hook_secrets import LIFETIME, HookSecrets


class Clock:
    time = 50.0

    def monotonic(self):
        return self.time


class Vault:
    def __init__(self):
        self.values = {"a": "1", "b": "2"}
        self.asked = []

    def __call__(self, reference):
        self.asked.append(reference)
        if reference not in self.values:
            raise SecretUnavailable(f"{reference} has no value")
        return Secret(self.values[reference])


@pytest.fixture
def vault():
    return Vault()


@pytest.fixture
def clock():
    return Clock()


def test_secrets_that_have_a_value_are_found_in_their_order(vault, clock):
    assert HookSecrets(vault, clock).values(("b", "c", "a")) == ["2", "1"]


def test_within_a_moment_nothing_is_resolved_twice_not_even_what_has_no_value(vault, clock):
    secrets = HookSecrets(vault, clock)

    for _ in range(10):
        assert secrets.values(("a", "c")) == ["1"]

    assert vault.asked == ["a", "c"]


def test_a_changed_secret_counts_after_a_moment(vault, clock):
    secrets = HookSecrets(vault, clock)
    secrets.values(("a", "c"))
    vault.values = {"a": "9", "c": "3"}
    clock.time += LIFETIME

    assert secrets.values(("a", "c")) == ["9", "3"]


def test_only_so_many_are_remembered(vault, clock, monkeypatch):
    monkeypatch.setattr(hook_secrets, "_MOST", 3)
    secrets = HookSecrets(vault, clock)

    for number in range(100):
        secrets.values((str(number),))

    assert len(secrets._known) <= 3


def test_a_secret_without_a_value_is_said_once_and_when_it_has_one_again(vault, clock):
    secrets = HookSecrets(vault, clock)
    with capture_logs() as logs:
        for _ in range(3):
            secrets.values(("a", "c"))
            clock.time += LIFETIME
        vault.values["c"] = "3"
        for _ in range(3):
            secrets.values(("a", "c"))
            clock.time += LIFETIME
    said = [(each["log_level"], each["event"], each.get("error")) for each in logs]
    assert said == [
        ("warning", "a secret of inbound webhooks cannot be used", "c has no value"),
        ("info", "a secret of inbound webhooks can be used again", None),
    ]
