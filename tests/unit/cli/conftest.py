"""A daemon that says what the test wants, and commands that run in this process."""

from __future__ import annotations

import importlib
import sys
from typing import NamedTuple

import pytest

from repaintd.app.client import Message
from repaintd.cli import main

COMMANDS = [
    importlib.import_module(f"repaintd.cli.{name}")
    for name in ("deliveries", "events", "refresh", "trigger")
]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "a-token-that-nobody-guesses"
BINDINGS = """
bindings:
  - uid: card
    templateId: plain
    dataSource: { type: webhook }
    mapping: { title: title }
    webhook: { secrets: ["${env:NEW_SECRET}", "${env:OLD_SECRET}"] }
  - uid: token
    templateId: plain
    dataSource: { type: webhook }
    mapping: { title: title }
    webhook: { auth: token, secret: "${env:TOKEN}" }
  - uid: open
    templateId: plain
    dataSource: { type: webhook }
    mapping: { title: title }
    webhook: { auth: none }
  - uid: deaf
    templateId: plain
    dataSource: { type: static, staticData: { title: Hello } }
    mapping: { title: title }
"""


class FakeDaemon:
    """Stands in the place of `DaemonClient`; answers what the test put in it.

    Attributes:
        answers: by method: what it returns, or raises.
        streams: what `events` says, one stream after the other: messages, or what it raises.
        asked: calls, as (method, arguments).
    """

    def __init__(self):
        self.answers = {}
        self.streams = []
        self.asked = []

    def __call__(self, *_):
        return self

    def refresh(self, uid, wait):
        return self._answer("refresh", (uid, wait))

    def trigger(self, uid, body, headers):
        return self._answer("trigger", (uid, body, headers))

    def deliveries(self, **query):
        return self._answer("deliveries", query)

    def replay(self, name):
        return self._answer("replay", name)

    def resume(self, uid):
        return self._answer("resume", uid)

    def events(self, query):
        self.asked.append(("events", query))
        for word in self.streams.pop(0):
            if not isinstance(word, Message):
                raise word
            yield word

    def _answer(self, method, asked):
        self.asked.append((method, asked))
        found = self.answers.get(method)
        if isinstance(found, Exception):
            raise found
        return found


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def daemon(monkeypatch):
    """What the commands talk to."""
    fake = FakeDaemon()
    for module in COMMANDS:
        monkeypatch.setattr(module, "DaemonClient", fake)
    monkeypatch.setattr(importlib.import_module("repaintd.cli.events"), "AGAIN_SECONDS", 0)
    return fake


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Runs a command as a shell would, but in this process."""
    config = tmp_path / "config"
    (config / "templates" / "plain").mkdir(parents=True)
    (config / "templates" / "plain" / "template.html").write_text("<body>{{ title }}</body>")
    (config / "templates" / "plain" / "template.yaml").write_text("variables: { title: '' }\n")
    (config / "bindings").mkdir()
    (config / "bindings" / "all.yaml").write_text(BINDINGS)
    monkeypatch.setenv("OLD_SECRET", SECRET)
    monkeypatch.setenv("TOKEN", TOKEN)

    def run(command, *arguments):
        monkeypatch.setattr(sys, "argv", ["repaintd", command, "--config", str(config), *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        found = capfd.readouterr()
        assert "Traceback" not in found.err
        return Ended(int(end.value.code or 0), found.out, found.err)

    return run
