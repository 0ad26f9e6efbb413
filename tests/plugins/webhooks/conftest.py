from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from repaintd.plugin import HttpResponse, Secret, SecretUnavailable, StoredEvent, Subscription
from repaintd.testing.http import FakeHttp
from repaintd_webhooks.settings import WebhookSettings
from repaintd_webhooks.sink import WebhookSink

OLD = "whsec_b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQ="
NEW = "whsec_bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXc="
PLAIN = "a plain secret, ümlaut included"


@pytest.fixture
def secrets():
    """What references stand for."""
    return {
        "${env:OLD}": OLD,
        "${env:NEW}": NEW,
        "${env:PLAIN}": PLAIN,
        "${env:BAD}": "whsec_!hunter2!",
        "${env:URL}": "https://hooks.test/T0/B0?key=hunter2",
        "${env:TOKEN}": "a/b:c?d&e=ü",
        "$${": "${",
    }


@pytest.fixture
def secret(secrets):
    """Like the daemon's resolver, over that table."""

    def one(match):
        if match[0] not in secrets:
            raise SecretUnavailable(f"{match[0]} has no value: the variable is not set")
        return secrets[match[0]]

    return lambda text: Secret(re.sub(r"\$\$\{|\$\{[^{}]*\}", one, text))


def make_event(data=None, **changes):
    name, uid = changes.get("name", "binding.updated"), changes.get("uid", "card")
    document = {
        "event": name,
        "timestamp": "2026-01-02T03:04:05.678Z",
        "data": {"bindingId": uid, "templateId": "plain", "title": "Füße \N{GRINNING FACE}"}
        if data is None
        else data,
    }
    fields = {
        "position": 7,
        "id": "evt_0001",
        "name": name,
        "uid": uid,
        "sequence": 3,
        "at": 1_767_323_045.678,
        "body": json.dumps(document, ensure_ascii=False).encode(),
    }
    return StoredEvent(**{**fields, **changes})


@pytest.fixture(name="make_event")
def make_event_fixture():
    return make_event


def make_subscription(**changes):
    fields = {
        "uid": "ops",
        "events": ("binding.updated",),
        "target_url": "https://hooks.test/in?key=hunter2",
        "secrets": ("${env:NEW}",),
    }
    return Subscription(**{**fields, **changes})


@pytest.fixture(name="make_subscription")
def make_subscription_fixture():
    return make_subscription


class Sent:
    """A sink, and the door that it posts through."""

    def __init__(self, sink, door):
        self.sink = sink
        self.door = door

    @property
    def requests(self):
        return self.door.requests


@pytest.fixture
def make_sink(secret):
    """A sink whose door answers what it is told: `make_sink(status, headers, **subscription)`."""

    def make(answer=200, headers=None, *, at=1_800_000_000.9, settings=None, **subscription):
        def app(request):
            outcome = answer(request) if callable(answer) else answer
            if isinstance(outcome, Exception):
                raise outcome
            return HttpResponse(status=outcome, headers=headers or {}, body=b"", url=request.url)

        door = FakeHttp(app)
        policy = WebhookSettings.model_validate(settings or {}).policy()
        clock = at if callable(at) else lambda: at
        return Sent(
            WebhookSink(make_subscription(**subscription), policy, door, secret, clock), door
        )

    return make


class Receiver:
    """The receiver's process, and what it has seen."""

    def __init__(self, port, canary):
        self.port = port
        self.canary = canary

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def tell(self, path, **document):
        request = urllib.request.Request(  # noqa: S310 - the receiver's own address
            self.url(path), json.dumps(document).encode(), method="PUT"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
            return json.load(answer)

    def log(self):
        """What came in since the last look."""
        seen = self.tell("/log")
        for each in seen["messages"]:
            each["body"] = bytes.fromhex(each["body"])
        return seen["messages"]

    def canary_connections(self):
        return self.tell("/canary")["connections"]


@pytest.fixture(scope="session")
def receiver_process():
    script = Path(__file__).with_name("receiver.py")
    process = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        ports = json.loads(process.stdout.readline())
        yield Receiver(ports["port"], ports["canary"])
    finally:
        process.stdin.close()  # its sign to end
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


@pytest.fixture
def receiver(receiver_process):
    """A real receiver in another process, with a clean slate."""
    receiver_process.tell("/secret", standard="", pictify="")
    receiver_process.log()
    receiver_process.tell("/canary")
    return receiver_process
