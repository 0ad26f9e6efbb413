"""`plugins.mqtt` of repaintd.yaml, and the small parts."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from repaintd_mqtt.backoff import Backoff
from repaintd_mqtt.documents import STATE_MOST, rfc3339, state_document, versioned
from repaintd_mqtt.settings import MqttSettings
from repaintd_mqtt.topics import Topics


def read(**given):
    return MqttSettings.model_validate({"host": "broker", **given}, by_alias=True, by_name=False)


def test_the_host_has_to_be_given():
    with pytest.raises(ValidationError):
        MqttSettings()


def test_the_port_follows_tls():
    assert read().tcp_port == 1883
    assert read(tls=True).tcp_port == 8883
    assert read(tls=False).tcp_port == 1883
    assert read(tls={"insecure": True}, port=1).tcp_port == 1
    assert read(host="::1").address == "[::1]:1883"


@pytest.mark.parametrize(("given", "seconds"), [(30, 30), ("45", 45), ("30s", 30), ("2m", 120)])
def test_keep_alive_is_a_duration(given, seconds):
    assert read(keepAlive=given).keep_alive == seconds


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": ""},
        {"host": "mqtt://broker"},
        {"host": "a b"},
        {"port": 0},
        {"port": "1883"},
        {"prefix": "a/#"},
        {"prefix": "/a"},
        {"prefix": "a" * 129},
        {"keepAlive": "1h"},
        {"keepAlive": True},
        {"keepAlive": 1},
        {"password": "x"},
        {"tls": {"key": "k.pem"}},
        {"tls": {"insecure": True, "ca": "ca.pem"}},
        {"tls": "yes"},
        {"images": "yes"},
        {"homeAssistant": {"prefix": "a b"}},
        {"homeAssistant": {"images": "bytes"}},
        {"qos": 2},
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        read(**wrong)


def test_a_password_is_not_shown():
    assert "hunter2" not in repr(read(username="u", password="hunter2"))


def test_the_schema_knows_true_and_objects():
    schema = MqttSettings.model_json_schema(by_alias=True)
    assert {"type": "boolean"} in schema["properties"]["tls"]["anyOf"]
    assert {"type": "boolean"} in schema["properties"]["homeAssistant"]["anyOf"]


def test_pauses_have_full_jitter_under_a_bound_that_doubles():
    backoff = Backoff(dice=lambda: 1.0)
    assert [backoff.pause(0) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.pause(59) == 60
    assert backoff.pause(60) == 1
    assert Backoff(dice=lambda: 0.5).pause(0) == 0.5


@pytest.mark.parametrize("prefix", ["repaintd", "home/two"])
@pytest.mark.parametrize("uid", ["repo", "a.b-c_d", "0"])
def test_topics_lead_back_to_their_binding(prefix, uid):
    topics = Topics(prefix, "homeassistant")
    assert topics.uid_of(topics.state(uid), "state") == uid
    assert topics.uid_of(topics.state(uid), "refresh") is None
    assert topics.uid_of_device(topics.discovery(uid)) == uid
    assert Topics("another", "homeassistant").uid_of_device(topics.discovery(uid)) is None


def test_a_url_gets_its_version():
    assert versioned("https://x/b/a.png", "t") == "https://x/b/a.png?v=t"
    assert versioned("https://x/b/a.png?k=1", "t") == "https://x/b/a.png?k=1&v=t"


def test_times_are_utc():
    assert rfc3339(None) is None
    assert rfc3339(0.0) == "1970-01-01T00:00:00.000Z"


@pytest.fixture
def view_of(request):
    """A View without a broker."""
    from pathlib import Path
    from types import SimpleNamespace

    conftest = request.config.pluginmanager.getplugin(str(Path(__file__).with_name("conftest.py")))
    host = conftest.FakeHost() if conftest else SimpleNamespace()

    def make(**state):
        host.add("repo", **state)
        return host.views["repo"]

    return make


def test_variables_of_any_json_are_shown_and_huge_ones_left_out(view_of):
    shown = state_document(
        view_of(variables={"n": 10**30, "s": "\ud800"}), image_url=None, image_topic=None
    )
    assert str(10**30).encode() in shown
    huge = view_of(variables={"text": "x" * STATE_MOST})
    assert len(state_document(huge, image_url=None, image_topic=None)) < 1000
