"""What is wrong is told without what is secret, in every format."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from repaintd.cli import root
from repaintd.cli.reports import FORMATS

CLEAR = "cl34rt3xt"
HTTP = (
    "type: http, url: 'https://x.example/a?key={c}', credentials: {{ type: bearer_token, {more} }}"
)
MISTAKES = {
    "settings": f"""
server: {{ apiKeys: [{CLEAR}, {{ key: {CLEAR} }}, "${{secret:{CLEAR}}}", "${{env:{CLEAR}-x}}"] }}
webhooks:
  - {{ uid: a, event: "*", targetUrl: "http://u:{CLEAR}@x.example/", secret: {CLEAR} }}
  - {{ uid: b, event: "*", targetUrl: "ftp://x.example/{CLEAR}", secret: whsec_{CLEAR}! }}
  - {{ uid: c, event: "*", targetUrl: "http://127.0.0.1/{CLEAR}", secret: "${{{CLEAR}" }}
  - {{ uid: d, event: "*", targetUrl: "http://x example/{CLEAR}", secret: [{CLEAR}] }}
plugins: {{ mqtt: {{ host: b, password: {CLEAR}, username: [{CLEAR}], passwrd: {CLEAR} }} }}
""",
    "bindings": f"""
bindings:
  - uid: a
    templateId: plain
    dataSource: {{ {HTTP.format(c=CLEAR, more=f"value: [{CLEAR}]")} }}
  - uid: b
    templateId: plain
    dataSource:
      type: http
      url: "https://u:{CLEAR}@x.example/"
      headers: {{ Cookie: "{CLEAR}\\n", X-Key: [{CLEAR}], Host: {CLEAR} }}
      body: {CLEAR}
      credentials: {{ type: custom_header, value: "${{file:{CLEAR}}}" }}
  - uid: c
    templateId: plain
    dataSource: {{ type: webhook }}
    webhook: {{ auth: none, secret: {CLEAR} }}
  - uid: d
    templateId: plain
    dataSource: {{ type: webhook, secret: {CLEAR} }}
    webhook: {{ secrets: {CLEAR}, secret: {{ a: {CLEAR} }} }}
""",
}


@pytest.mark.parametrize("name", FORMATS)
def test_no_problem_quotes_a_secret_however_wrong_it_is(tmp_path, name):
    (tmp_path / "templates" / "plain").mkdir(parents=True)
    (tmp_path / "templates" / "plain" / "template.html").write_text("{{ title }}")
    (tmp_path / "bindings").mkdir()
    (tmp_path / "repaintd.yaml").write_text(MISTAKES["settings"])
    (tmp_path / "bindings" / "all.yaml").write_text(MISTAKES["bindings"])
    done = check(tmp_path, name)
    assert done.exit_code == 1
    assert CLEAR not in done.output
    assert len(json.loads(check(tmp_path, "json").stdout)["problems"]) > 20


def check(tree, name):
    return CliRunner().invoke(root, ["check", "--config", str(tree), "--format", name])
