"""`repaintd config`: everything in effect, where it comes from, and no secret among it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from repaintd.app import Options, load
from repaintd.app.effective import effective_binding, effective_settings
from repaintd.app.masking import masked_text
from repaintd.cli import root
from repaintd.cli.yaml_text import yaml_text
from repaintd.config.yaml_reader import YamlReader
from repaintd.errors import RepaintdError

ROOT = Path(__file__).parents[3]
SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CLEAR = "cl34r-t3xt"
SETTINGS = f"""
server:
  apiKeys: ["${{env:KEY}}", {CLEAR}-key]
output: {{ directory: pictures }}
webhooks:
  - uid: slack
    events: ["binding.*"]
    targetUrl: https://hooks.example.org/services/{CLEAR}/x?y={CLEAR}
    secret: {SIGNING}
  - uid: other
    event: binding.failed
    targetUrl: "${{credential:target}}"
    secrets: ["${{file:/run/secret}}", {SIGNING}]
plugins:
  mqtt: {{ host: broker, tls: true, username: "${{env:USER}}", password: {CLEAR} }}
"""
BINDINGS = f"""
bindings:
  - uid: plain
    templateId: card
    dataSource: {{ type: static, data: {{ token: shown }} }}
    mapping: {{ title: token }}
  - uid: card
    templateId: card
    dataSource:
      type: http
      url: https://api.example.org/v1?page=2&api_key={CLEAR}&sig=${{env:KEY}}
      method: POST
      body:
        query: "{{ name }}"
        password: {CLEAR}
        next: "https://u:{CLEAR}@x/"
        d: [{{ token: 7 }}]
      headers:
        Accept: application/json
        Cookie: sid={CLEAR}
        X-Key: {CLEAR}
        X-Trace: "Bearer ${{env:KEY}}"
        X-Auth-Token: "Bearer ${{env:KEY}}"
        X-Session: "Basic {CLEAR}${{env:KEY}}"
      credentials: {{ type: basic_auth, username: {CLEAR}, value: "{CLEAR}${{env:KEY}}" }}
    mapping: {{ title: name, token: token }}
    defaults: {{ title: "NO", token: "1e3" }}
    outputConfig: {{ width: 500 }}
    webhook: {{ secret: {CLEAR} }}
"""


@pytest.fixture
def tree(tmp_path):
    config = tmp_path / "config"
    (config / "templates" / "card").mkdir(parents=True)
    (config / "templates" / "card" / "template.html").write_text("{{ title }} {{ token }}")
    (config / "bindings").mkdir()
    (config / "bindings" / "all.yaml").write_text(BINDINGS)
    (config / "repaintd.yaml").write_text(SETTINGS)
    return config


def config(tree: Path, *arguments: str, **environ: str):
    environ = {"REPAINTD_OUTPUT_DIR": None, "REPAINTD_STATE_DIR": None, **environ}
    return CliRunner().invoke(root, ["config", "--config", str(tree), *arguments], env=environ)


def in_json(tree: Path, *arguments: str, **environ: str):
    return json.loads(config(tree, "--json", *arguments, **environ).stdout)


def at(words: str) -> str:
    """The beginning of the place of the line that begins with these words."""
    lines = [line.strip() for line in BINDINGS.splitlines()]
    (line,) = [n for n, each in enumerate(lines, 1) if each.startswith(words)]
    return f"bindings/all.yaml:{line}:"


def test_every_default_is_filled_in_and_directories_are_absolute(tree):
    document = in_json(tree)
    assert document["server"]["listen"] == "127.0.0.1:8080"
    assert document["server"]["publicUrl"] == "http://127.0.0.1:8080"
    assert document["refresh"]["timeout"] == 30
    assert document["output"]["directory"] == str(tree.parent / "pictures")
    assert document["state"]["directory"] == str(tree.parent / "state")
    assert document["plugins"]["mqtt"]["keepAlive"] == 30
    assert document["plugins"]["chromium"]["maxWarmPages"] == 8


def test_references_are_shown_and_secrets_are_not(tree):
    document = in_json(tree)
    assert document["server"]["apiKeys"] == ["${env:KEY}", "********"]
    slack, other = document["webhooks"]
    assert slack["targetUrl"] == "https://hooks.example.org********"
    assert slack["secret"] == "********"
    assert other["targetUrl"] == "${credential:target}"
    assert other["secrets"] == ["${file:/run/secret}", "********"]
    mqtt = document["plugins"]["mqtt"]
    assert (mqtt["username"], mqtt["password"]) == ("${env:USER}", "********")
    source = in_json(tree, "card")["dataSource"]
    assert source["url"] == "https://api.example.org/v1?page=2&api_key=********&sig=${env:KEY}"
    assert source["body"] == {
        "query": "{ name }",
        "password": "********",
        "next": "https://********@x/",
        "d": [{"token": "********"}],
    }
    assert source["headers"] == {
        "Accept": "application/json",
        "Cookie": "********",
        "X-Key": "********",
        "X-Trace": "Bearer ${env:KEY}",
        "X-Auth-Token": "Bearer ${env:KEY}",
        "X-Session": "********${env:KEY}",
    }
    assert source["credentials"]["username"] == "********"
    assert source["credentials"]["value"] == "********${env:KEY}"


@pytest.mark.parametrize("form", [(), ("--json",), ("--origin",), ("--origin", "--json")])
@pytest.mark.parametrize("uid", [(), ("card",)])
def test_no_form_shows_a_secret_in_clear_text(tree, form, uid):
    done = config(tree, *form, *uid)
    assert done.exit_code == 0, done.output
    assert CLEAR not in done.output
    assert SIGNING not in done.output
    assert SIGNING.removeprefix("whsec_") not in done.output
    assert "${env:KEY}" in done.output


def test_one_binding_is_shown_as_it_is_in_effect(tree):
    document = in_json(tree, "card")
    assert list(document)[:5] == ["uid", "name", "templateId", "dataSource", "mapping"]
    assert document["name"] == "card"
    assert document["refreshPolicy"] == {
        "type": "ttl",
        "ttlSeconds": 300,
        "onError": "serve_stale",
    }
    assert document["outputConfig"] == {
        "format": "png",
        "quality": 90,
        "width": 500,
        "height": 630,
    }
    assert document["webhook"]["secrets"] == ["********"]
    assert document["webhook"]["maxWait"] == 10
    # what the image shows is no secret, whatever it is called
    assert document["mapping"]["token"] == "token"
    assert in_json(tree, "plain")["dataSource"] == {
        "type": "static",
        "staticData": {"token": "shown"},
    }


def test_an_unknown_binding_is_told_with_the_one_that_was_meant(tree):
    done = config(tree, "crad")
    assert isinstance(done.exception, RepaintdError)
    assert str(done.exception) == "there is no binding 'crad'; did you mean 'card'?"


def test_origins_name_file_and_place_or_the_default(tree):
    origins = {key: row["origin"] for key, row in in_json(tree, "--origin").items()}
    assert origins["server.apiKeys[1]"] == "repaintd.yaml:3:27"
    assert origins["server.listen"] == "default"
    assert origins["output.directory"] == "repaintd.yaml:4:22"
    assert origins["state.directory"] == "default"
    assert origins["webhooks[1].secrets[0]"] == "repaintd.yaml:13:15"
    assert origins["webhooks[1].secret"] == "default"
    assert origins["plugins.mqtt.tls.insecure"] == "repaintd.yaml:15:30"
    assert origins["plugins.mqtt.keepAlive"] == "default"
    of_binding = {key: row["origin"] for key, row in in_json(tree, "card", "--origin").items()}
    assert of_binding["uid"] == "bindings/all.yaml:7:10"
    assert of_binding["webhook.secrets[0]"].startswith(at("webhook:"))
    assert of_binding["outputConfig.height"] == "template card"
    assert of_binding["outputConfig.width"] == at("outputConfig:") + "28"
    assert of_binding["refreshPolicy.ttlSeconds"] == "default"
    of_static = {key: row["origin"] for key, row in in_json(tree, "plain", "--origin").items()}
    assert of_static["dataSource.staticData.token"] == "bindings/all.yaml:5:48"


def test_origins_name_what_overrides_the_directories(tree, tmp_path):
    given = {"REPAINTD_OUTPUT_DIR": str(tmp_path / "a"), "STATE_DIRECTORY": "/b:/c"}
    rows = in_json(tree, "--origin", **given)
    assert rows["output.directory"] == {
        "value": str(tmp_path / "a"),
        "origin": "$REPAINTD_OUTPUT_DIR",
    }
    assert rows["state.directory"] == {"value": "/b", "origin": "$STATE_DIRECTORY"}
    rows = in_json(tree, "--origin", "--state-dir", "/d", **given)
    assert rows["state.directory"] == {"value": "/d", "origin": "--state-dir"}


def test_without_a_settings_file_everything_is_a_default(tree):
    (tree / "repaintd.yaml").unlink()
    assert {row["origin"] for row in in_json(tree, "--origin").values()} == {"default"}
    (tree / "repaintd.yaml").write_text("refresh: {}\n")
    assert {row["origin"] for row in in_json(tree, "--origin").values()} == {"default"}


def test_origins_are_one_line_each(tree):
    lines = config(tree, "--origin", "card").stdout.splitlines()
    assert f'defaults.token: "1e3"  # {at("defaults:")}37' in lines
    assert len(lines) == len(in_json(tree, "--origin", "card"))


def test_what_is_printed_is_a_valid_configuration_that_means_the_same(tmp_path):
    options = Options(directory=ROOT / "config", environ={"REPAINTD_API_KEY": "x"})
    before = load(options)
    copy = tmp_path / "config"
    (copy / "bindings").mkdir(parents=True)
    shutil.copytree(ROOT / "config" / "templates", copy / "templates")
    bindings = [effective_binding(before, each) for each in before.configuration.bindings.values()]
    (copy / "repaintd.yaml").write_text(yaml_text(effective_settings(before)))
    (copy / "bindings" / "all.yaml").write_text(yaml_text({"bindings": bindings}))
    after = load(Options(directory=copy, environ={"REPAINTD_API_KEY": "x"}))
    assert effective_settings(after) == effective_settings(before)
    assert [
        effective_binding(after, each) for each in after.configuration.bindings.values()
    ] == bindings


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bearer ${env:A}", "Bearer ${env:A}"),
        ("${env:A}:${file:/b}", "${env:A}:${file:/b}"),
        ("Bearer abc", "********"),
        ("abc${env:A}", "********${env:A}"),
        ("$${env:A}", "********"),
        ("${secret:abc}", "********"),
        ("https://${env:A}@x/", "********${env:A}********"),
        ("https://u:p@x.example/", "https://********@x.example"),
    ],
)
def test_of_a_secret_text_only_references_are_shown(text, shown):
    assert masked_text(text) == shown


def test_texts_that_look_like_something_else_stay_texts():
    document = {
        "texts": [
            "NO",
            "010",
            "0o14",
            "1e3",
            "null",
            "~",
            "",
            "a: b",
            "# c",
            "ü",
            "\x07",
            "9" * 30,
        ],
        "others": [None, True, 1, 1.5, {}, []],
        "${env:A}": "${file:/a b}",
    }
    text = yaml_text(document)
    assert yaml.safe_load(text) == document
    ours, problems = YamlReader().read("x.yaml", text)
    assert (ours.value, problems) == (document, [])
