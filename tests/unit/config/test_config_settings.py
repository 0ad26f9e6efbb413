"""repaintd.yaml: defaults, every key, plugins, directories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import Field

from repaintd.config import Settings, Subscription
from repaintd.config.texts import split_listen
from repaintd.plugin import RenderSettings, SpecModel

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Load, Problems

FILE = "repaintd.yaml"


class Mqtt(SpecModel):
    host: str
    port: int = 1883
    options: dict[str, str] = Field(default_factory=dict)


class Chromium(SpecModel):
    recycle_after: int = 500


PLUGINS: dict[str, Any] = {"settings_models": {"mqtt": Mqtt, "chromium": Chromium}}


def settings(load: Load, text: str, **options: Any) -> Settings:
    return load({FILE: text}, **options).settings


@pytest.mark.parametrize("text", [None, "", "# nothing\n", "server: {}\n"])
def test_every_key_has_its_default(load: Load, text: str | None):
    found = load({} if text is None else {FILE: text}).settings
    assert found.server.listen == "127.0.0.1:8080"
    assert (found.server.host, found.server.port) == ("127.0.0.1", 8080)
    assert found.server.public_url == "http://127.0.0.1:8080"
    assert found.server.api_keys == ("${env:REPAINTD_API_KEY}",)
    assert found.server.placeholder == "image"
    assert found.output.directory == "output"
    assert found.state.directory == "state"
    assert found.refresh.concurrency == 64
    assert found.refresh.per_host == 4
    assert found.refresh.min_ttl_seconds == 60
    assert found.refresh.timeout == 30.0
    assert found.refresh.max_bytes == 5 * 1024**2
    assert found.egress.allow == ()
    assert found.render.for_plugins() == RenderSettings()
    assert (found.reload.watch, found.reload.poll_seconds, found.reload.settle) == (True, 30, 0.5)
    assert found.webhooks == ()
    assert found.plugins == {}


def test_every_key_can_be_set(load: Load):
    found = settings(
        load,
        """
server: { listen: "[::1]:0", publicUrl: "https://i.example.com/r/", apiKeys: [], placeholder: pixel}
refresh: { concurrency: 8, perHost: 2, minTtlSeconds: 1, timeout: PT1M, maxBytes: 500kB }
egress: { allow: [127.0.0.1, "10.0.0.0/8", "db.internal:8080"] }
render: { browser: /usr/bin/chromium, pages: 3, timeout: 1m, allowUnsandboxed: true }
""",
    )
    assert (found.server.host, found.server.port) == ("::1", 0)
    assert found.server.public_url == "https://i.example.com/r"
    assert found.server.api_keys == ()
    assert found.server.placeholder == "pixel"
    assert found.refresh.model_dump() == {
        "concurrency": 8,
        "per_host": 2,
        "min_ttl_seconds": 1,
        "timeout": 60.0,
        "max_bytes": 500_000,
    }
    assert found.egress.allow == ("127.0.0.1", "10.0.0.0/8", "db.internal:8080")
    assert found.render.for_plugins() == RenderSettings(
        browser="/usr/bin/chromium", pages=3, timeout=60.0, allow_unsandboxed=True
    )


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("[::]:81", "http://[::1]:81"),
        ("[::1]:82", "http://[::1]:82"),
        ("localhost:83", "http://localhost:83"),
    ],
)
def test_the_public_url_follows_the_listener(load: Load, listen: str, url: str):
    assert settings(load, f'server: {{ listen: "{listen}" }}').server.public_url == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8080",
        ":8080",
        "::1:8080",
        "[1.2.3.4]:80",
        "h:",
        "h:65536",
        "h:x",
        "h:-1",
        "h:٣",
        "[127.0.0.1:8080",
        "127.0.0.1]:8080",
        "[zz]:1",
        "a b:1",
        "a/b:1",
    ],
)
def test_listen_addresses_that_are_none(text: str):
    with pytest.raises(ValueError, match=r"^must (be host:port, like|end in a port from)"):
        split_listen(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- 1", "1:1: must be a mapping (key: value)"),
        ("server: 3", "1:9: server: must be a mapping (key: value)"),
        ("servers: {}", "1:1: servers: unknown key; did you mean server? allowed here: egress, "),
        ("server: { listen: 8080 }", "1:19: server.listen: must be text; put it in quotes"),
        ("server: { listen: '8080' }", "1:19: server.listen: must be host:port, like 127.0.0.1"),
        (
            "server: { publicUrl: 'ftp://x' }",
            "1:22: server.publicUrl: must be a URL that begins with http:// or https://",
        ),
        ("server: { publicUrl: 'http://h:x' }", "1:22: server.publicUrl: Port could not be cast"),
        (
            "server: { publicUrl: 'http://u@h/?q' }",
            "1:22: server.publicUrl: must be scheme, host and path only: no user, `?` or `#`",
        ),
        ("server: { apiKeys: key }", "1:20: server.apiKeys: must be a list (- item)"),
        ("server: { apiKeys: [''] }", "1:21: server.apiKeys[0]: must not be empty"),
        ("server: { apiKeys: [3] }", "1:21: server.apiKeys[0]: must be text; put it in quotes"),
        (
            "server: { placeholder: pixels }",
            "1:24: server.placeholder: must be one of image, pixel; did you mean pixel?",
        ),
        ("output: { directory: '' }", "1:22: output.directory: must not be empty"),
        ("refresh: { concurrency: 0 }", "1:25: refresh.concurrency: must be at least 1"),
        ("refresh: { concurrency: 99999 }", "1:25: refresh.concurrency: must be at most 10000"),
        (
            "refresh: { perHost: true }",
            "1:21: refresh.perHost: must be a whole number, without quotes",
        ),
        ("refresh: { minTtlSeconds: 0 }", "1:27: refresh.minTtlSeconds: must be at least 1"),
        ("refresh: { timeout: 0 }", "1:21: refresh.timeout: must be at least 0.1"),
        ("refresh: { timeout: 2h }", "1:21: refresh.timeout: must be at most 600"),
        ("refresh: { timeout: -1 }", "1:21: refresh.timeout: must be at least 0.1"),
        (
            "refresh: { timeout: .inf }",
            "1:21: refresh.timeout: must be a finite number; quote it if it is meant as text",
        ),
        ("refresh: { timeout: soon }", "1:21: refresh.timeout: must be a duration: seconds, or"),
        ("refresh: { maxBytes: 5QB }", "1:22: refresh.maxBytes: must be a size: bytes, or a text"),
        ("refresh: { maxBytes: 2GiB }", "1:22: refresh.maxBytes: must be at most 1073741824"),
        (
            "egress: { allow: ['10.0.0.0/33'] }",
            "1:19: egress.allow[0]: '10.0.0.0/33' is no network",
        ),
        ("render: { pages: 0 }", "1:18: render.pages: must be auto, or a whole number from 1 to"),
        ("render: { pages: true }", "1:18: render.pages: must be auto, or a whole number from 1"),
        (
            "render: { allowUnsandboxed: 'yes' }",
            "1:29: render.allowUnsandboxed: must be true or false, without quotes",
        ),
        ("plugins: 3", "1:10: plugins: must be a mapping (key: value)"),
        (
            "plugins: { mqqt: {} }",
            (
                "1:12: plugins.mqqt: there is no plugin mqqt; did you mean mqtt? "
                "installed: chromium, mqtt"
            ),
        ),
        (
            "plugins: { slack: {} }",
            (
                "1:12: plugins.slack: there is no plugin slack; remove it, or install the plugin; "
                "installed: chromium, mqtt"
            ),
        ),
        ("plugins: { mqtt: }", "1:18: plugins.mqtt.host: is required; add it"),
        ("plugins: { mqtt: 3 }", "1:18: plugins.mqtt: must be a mapping (key: value)"),
        (
            "plugins: { mqtt: { host: h, prot: 1 } }",
            (
                "1:29: plugins.mqtt.prot: unknown key; did you mean port? "
                "allowed here: host, options, port"
            ),
        ),
        (
            "plugins: { mqtt: { host: h, port: x } }",
            "1:35: plugins.mqtt.port: must be a whole number",
        ),
    ],
)
def test_settings_that_are_wrong(problems: Problems, text: str, problem: str):
    found = problems({FILE: text}, **PLUGINS)
    assert found[0].startswith(f"{FILE}:{problem}")


def test_without_plugins_the_message_says_none(problems: Problems):
    (problem,) = problems({FILE: "plugins: { mqtt: {} }"})
    assert problem.endswith("installed: none")


def test_plugins_get_their_own_models(load: Load):
    found = settings(load, "plugins: { mqtt: { host: broker } }", **PLUGINS).plugins
    assert found == {"mqtt": Mqtt(host="broker"), "chromium": Chromium()}


def test_plugins_that_are_not_named_get_defaults_if_they_have_them_all(load: Load):
    for text in ("", "plugins:\n  chromium:\n"):
        assert settings(load, text, **PLUGINS).plugins == {"chromium": Chromium()}


def test_a_wrong_setting_does_not_make_bindings_wrong(problems: Problems):
    binding = (
        "bindings:\n  - uid: a\n    templateId: card\n    dataSource: { type: static }\n"
        "    refreshPolicy: { ttlSeconds: 5 }\n"
    )
    files = {"bindings/a.yaml": binding}
    for refresh in ("{ minTtlSeconds: 2 }", "{ minTtlSeconds: x }"):
        found = problems({**files, FILE: f"output: 3\nrefresh: {refresh}\n"})
        assert not [text for text in found if text.startswith("bindings")]
    assert len(problems({**files, FILE: "output: 3\n"})) == 2


SUBSCRIPTION = """
webhooks:
  - uid: ops
    {event}
    targetUrl: {url}
    filters: {{ templateId: card, bindingId: a }}
    {secret}
"""


@pytest.mark.parametrize(
    ("event", "subscribed"),
    [
        ("event: binding.updated", ("binding.updated",)),
        ("events: [binding.failed, '*']", ("binding.failed", "*")),
    ],
)
def test_subscriptions(load: Load, event: str, subscribed: tuple[str, ...]):
    for secret in ("secret: '${env:KEY}'", "secrets: ['${env:KEY}']"):
        text = SUBSCRIPTION.format(event=event, url="https://example.com/h", secret=secret)
        (found,) = settings(load, text, environ={"KEY": "k"}).webhooks
        assert isinstance(found, Subscription)
        assert found.subscribed == subscribed
        assert found.signing_secrets == ("${env:KEY}",)
        assert found.platform == "custom"
        assert found.status == "active"
        assert "KEY" not in repr(found)


def test_a_target_url_may_be_a_secret(load: Load):
    text = SUBSCRIPTION.format(event="event: '*'", url="'${env:URL}'", secret="secret: '${env:K}'")
    found = load({FILE: text}, environ={"URL": "https://x", "K": "k"})
    assert found.settings.webhooks[0].target_url == "${env:URL}"


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{ uid: a, targetUrl: 'http://x', secret: '${env:K}' }", "needs either `event` or `ev"),
        (
            "{ uid: a, targetUrl: 'http://x', secret: '${env:K}', event: '*', events: ['*'] }",
            "needs either `event` or `events`",
        ),
        ("{ uid: a, targetUrl: 'http://x', event: '*' }", "needs either `secret` or `secrets`"),
    ],
)
def test_subscriptions_that_are_undecided(problems: Problems, entry: str, problem: str):
    (found,) = problems({FILE: f"webhooks: [{entry}]"}, environ={"K": "k"})
    assert found.startswith(f"{FILE}:1:12: webhooks[0]: {problem}")


def test_subscriptions_have_uids_of_their_own(problems: Problems):
    one = "{ uid: a, targetUrl: 'http://x', event: '*', secret: '${env:K}' }"
    assert problems({FILE: f"webhooks: [{one}, {one}]"}, environ={"K": "k"}) == [
        f"{FILE}:1:86: webhooks[1].uid: is the uid of webhooks[0] already; rename one"
    ]


def test_secrets_in_clear_text_are_doubtful(load: Load):
    text = (
        "server: { apiKeys: [key, '${env:K}'] }\n"
        "webhooks:\n"
        "  - { uid: a, targetUrl: 'http://x', event: '*', secrets: [one, two] }\n"
    )
    warnings = [str(each) for each in load({FILE: text}, environ={"K": "k"}).warnings]
    clear = "warning: is a secret in clear text; keep it elsewhere, as ${credential:name} or such"
    assert warnings[1:] == [
        f"{FILE}:1:21: server.apiKeys[0]: {clear}",
        f"{FILE}:3:60: webhooks[0].secrets[0]: {clear}",
        f"{FILE}:3:65: webhooks[0].secrets[1]: {clear}",
    ]


def test_references_in_settings_are_checked(load: Load, problems: Problems):
    text = "server: { apiKeys: ['${env:NO}'] }\nplugins: { mqtt: { host: '${env:NO2}' } }\n"
    warnings = [each.path for each in load({FILE: text}, **PLUGINS).warnings]
    assert warnings == ["", "server.apiKeys[0]", "plugins.mqtt.host"]
    assert len(problems({FILE: text.replace("env", "envv")}, **PLUGINS)) == 2


def test_the_default_api_key_need_not_be_set(load: Load):
    assert [each.file for each in load({}).warnings] == ["bindings"]


def test_a_settings_file_of_another_name_is_pointed_out(load: Load):
    warnings = [str(each) for each in load({"repaintd.yml": "server: {}"}).warnings]
    assert "repaintd.yml:1:1: warning: is not read: only *.yaml is; rename it" in warnings


def test_directories_stand_beside_the_configuration(load: Load, tree: Path):
    found = load({})
    assert found.directory == tree
    assert found.output_path == tree.parent / "output"
    assert found.state_path == tree.parent / "state"


def test_directories_by_setting(load: Load, tree: Path):
    found = load({FILE: "output: { directory: ../img }\nstate: { directory: /var/lib/r }\n"})
    assert found.output_path == tree.parent.parent / "img"
    assert str(found.state_path) == "/var/lib/r"


def test_directories_by_environment_and_by_argument(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    environ = {"STATE_DIRECTORY": "/var/lib/one:/var/lib/two"}
    assert str(load({}, environ=environ).state_path) == "/var/lib/one"
    environ |= {"REPAINTD_STATE_DIR": "st", "REPAINTD_OUTPUT_DIR": "out"}
    found = load({}, environ=environ)
    assert (found.output_path, found.state_path) == (tmp_path / "out", tmp_path / "st")
    found = load({}, environ=environ, output_dir=tmp_path / "o", state_dir=tmp_path / "s")
    assert (found.output_path, found.state_path) == (tmp_path / "o", tmp_path / "s")
