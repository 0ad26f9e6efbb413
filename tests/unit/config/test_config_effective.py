from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from repaintd.config import Settings, dotted_settings
from repaintd.core.difference import Declared, compare
from repaintd.core.secret import Secret
from repaintd.plugin import SpecModel

if TYPE_CHECKING:
    from conftest import Load


class Broker(SpecModel):
    host: str = "h"
    password: str | None = Field(default=None, repr=False)


class Mqtt(SpecModel):
    host: str = "h"
    password: str | None = Field(default=None, repr=False)
    topics: tuple[str, ...] = ()
    brokers: list[Broker] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)


WEBHOOKS = """\
webhooks:
  - { uid: b, event: "*", targetUrl: "https://example.org/b", secret: "${env:B}" }
  - { uid: a, event: "*", targetUrl: "https://example.org/a", secret: whsec_c2VjcmV0c2VjcmV0 }
"""


def dotted(load: Load, text: str) -> dict[str, Any]:
    found = load({"repaintd.yaml": text}, settings_models={"mqtt": Mqtt})
    return dotted_settings(found.settings)


def changes(load: Load, one: str, other: str) -> tuple[str, ...]:
    def declared(text: str) -> Declared:
        return Declared(bindings={}, templates={}, settings=dotted(load, text))

    return compare(declared(one), declared(other)).settings


def test_every_setting_has_its_dotted_key_defaults_among_them():
    found = dotted_settings(Settings())
    assert found["server.publicUrl"] == "http://127.0.0.1:8080"
    assert found["server.apiKeys"] == ("${env:REPAINTD_API_KEY}",)
    assert found["refresh.minTtlSeconds"] == 60
    assert found["egress.allow"] == ()
    assert found["plugins"] == {}
    assert not any(key.startswith("webhooks") for key in found)


def test_settings_of_plugins_and_subscriptions_have_keys_of_their_own(load: Load):
    text = WEBHOOKS + (
        'plugins: { mqtt: { host: x, password: "${env:P}", labels: { a: b },'
        " brokers: [{ password: clear }] } }"
    )
    found = dotted(load, text)
    assert found["plugins.mqtt.host"] == "x"
    assert found["plugins.mqtt.password"] == "${env:P}"
    assert found["plugins.mqtt.labels.a"] == "b"
    assert found["plugins.mqtt.brokers[0].password"] == Secret("clear")
    assert found["webhooks.b.secret"] == "${env:B}"
    assert found["webhooks.b.filters.bindingId"] is None


def test_a_secret_in_clear_text_compares_and_cannot_be_printed(load: Load):
    found = dotted(load, WEBHOOKS + "server: { apiKeys: [hunter2] }")
    assert found["server.apiKeys"] == (Secret("hunter2"),)
    assert "hunter2" not in repr(found)
    assert "whsec" not in repr(found)


def test_changes_are_named_by_their_keys(load: Load):
    assert changes(load, "", "refresh: { perHost: 5 }") == ("refresh.perHost",)
    assert changes(load, "", "server: { listen: '127.0.0.1:1' }") == (
        "server.listen",
        "server.publicUrl",
    )
    assert changes(load, "plugins: { mqtt: { password: a } }", "plugins: { mqtt: {} }") == (
        "plugins.mqtt.password",
    )
    assert changes(load, "", "refresh: { timeout: 30s }") == ()


def test_the_order_of_subscriptions_is_no_change(load: Load):
    first, second = WEBHOOKS.splitlines()[1:]
    assert changes(load, WEBHOOKS, f"webhooks:\n{second}\n{first}\n") == ()
    assert changes(load, WEBHOOKS, WEBHOOKS.replace("/b", "/c")) == ("webhooks.b.targetUrl",)
