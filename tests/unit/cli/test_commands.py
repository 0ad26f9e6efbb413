"""The commands as a shell runs them: output, exit codes, and no traceback for a user's mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
bindings:
  - uid: card
    templateId: plain
    dataSource: { type: static, staticData: { title: Hello } }
    mapping: { title: title, missing: nowhere }
    defaults: { missing: "n/a" }
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A configuration that is valid."""
    config = tmp_path / "config"
    template = config / "templates" / "plain"
    template.mkdir(parents=True)
    (template / "template.html").write_text("<body>{{ title }} {{ missing }}</body>")
    (template / "template.yaml").write_text(
        "width: 200\nheight: 100\nvariables: { title: '', missing: '' }\n"
    )
    (config / "bindings").mkdir()
    (config / "bindings" / "all.yaml").write_text(GOOD)
    (config / "repaintd.yaml").write_text('server: { listen: "127.0.0.1:9" }\n')
    return config


def repaintd(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 — our own command
        [sys.executable, "-m", "repaintd", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", **environ} if environ else None,
    )


def test_check_says_ok_and_what_it_saw(tree: Path):
    done = repaintd("check", "--config", tree)
    assert (done.returncode, done.stdout) == (0, "ok: 1 bindings, 1 templates\n")


def test_check_names_all_problems_of_all_files_with_their_place(tree: Path):
    (tree / "bindings" / "all.yaml").write_text(GOOD.replace("mapping:", "maping:"))
    (tree / "repaintd.yaml").write_text("refresh: { concurency: 3 }\n")
    (tree / "templates" / "plain" / "template.html").write_text("{{ title | nope }}")
    done = repaintd("check", "--config", tree)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[-1] == "3 problem(s)"
    assert any(line.startswith("bindings/all.yaml:6:5: bindings[0].maping: ") for line in lines)
    assert any(line.startswith("repaintd.yaml:1:12: refresh.concurency: ") for line in lines)
    assert any(line.startswith("templates/plain/template.html:1:") for line in lines)
    assert "Traceback" not in done.stderr


def test_check_as_json_is_for_machines(tree: Path):
    (tree / "bindings" / "all.yaml").write_text("bindings: [{ uid: A }]")
    done = repaintd("check", "--config", tree, "--format", "json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["valid"] is False
    assert {"file", "line", "column", "path", "message", "severity"} == set(document["problems"][0])


def test_a_missing_directory_is_said_in_words(tmp_path: Path):
    done = repaintd("check", "--config", tmp_path / "nowhere")
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_configuration_directory_comes_from_systemd_too(tree: Path):
    done = repaintd("check", CONFIGURATION_DIRECTORY=str(tree))
    assert done.returncode == 0


@pytest.mark.parametrize("which", ["bindings", "repaintd.yaml", "template.yaml"])
def test_schema_is_json_schema(which: str):
    document = json.loads(repaintd("schema", which).stdout)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_list_without_a_daemon_tells_what_was_remembered(tree: Path):
    done = repaintd("list", "--config", tree)
    assert done.returncode == 0
    assert "does not answer" in done.stderr
    assert done.stdout.splitlines()[1].split()[:3] == ["card", "active", "png"]
    document = json.loads(repaintd("list", "--config", tree, "--json").stdout)
    assert document["bindings"][0]["uid"] == "card"


def test_an_unknown_binding_is_said_with_the_one_that_was_meant(tree: Path):
    done = repaintd("render", "crad", "--config", tree)
    assert done.returncode == 1
    assert done.stderr == "repaintd: there is no binding 'crad'; did you mean 'card'?\n"


def test_data_that_is_no_json_is_said_with_its_place(tree: Path, tmp_path: Path):
    (tmp_path / "data.json").write_text('{"title": }')
    done = repaintd("render", "card", "--config", tree, "--data", tmp_path / "data.json")
    assert done.returncode == 1
    assert "data.json:1:11:" in done.stderr


@pytest.mark.parametrize("arguments", [("frobnicate",), ("run", "--nope"), ("render",)])
def test_a_wrong_command_line_exits_with_2(arguments: tuple[str, ...]):
    done = repaintd(*arguments)
    assert done.returncode == 2
    assert "Usage" in done.stderr


def test_run_with_a_bad_configuration_starts_nothing(tree: Path):
    (tree / "bindings" / "all.yaml").write_text("bindings: 3")
    done = repaintd("run", "--config", tree)
    assert done.returncode == 1
    assert "bindings/all.yaml:1:11" in done.stderr
    assert not (tree.parent / "state").exists()


@pytest.mark.chromium
def test_render_draws_one_image_without_a_daemon(tree: Path, tmp_path: Path):
    data = tmp_path / "data.json"
    data.write_text('{"title": "From a file"}')
    target = tmp_path / "card.png"
    done = repaintd("render", "card", "--config", tree, "--data", data, "-o", target)
    assert done.returncode == 0, done.stderr
    assert target.read_bytes()[:4] == b"\x89PNG"
    assert done.stdout.startswith(f"{target} (200 by 100, ")
    assert 'missing: path "nowhere" matched nothing' in done.stderr
    assert not (tmp_path / "output").exists()


@pytest.mark.chromium
def test_doctor_looks_at_everything(tree: Path):
    (tree / "repaintd.yaml").unlink()
    done = repaintd("doctor", "--config", tree, "--json")
    findings = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert {"plugin http", "fonts", "output directory", "state directory"} <= set(findings)
    assert {"listen address", "egress", "clock", "configuration"} <= set(findings)
    assert [check for check in findings if "browser" in check]
    assert findings["plugin webhooks"]["detail"] == "loaded"
    unused = findings["plugin mqtt"]
    assert (unused["ok"], unused["detail"][:10]) == (True, "not in use")
    assert "MQTT broker" not in findings
    assert (done.returncode == 0) is all(finding["ok"] for finding in findings.values())


def test_doctor_names_what_mends_it(tree: Path, tmp_path: Path):
    (tree / "repaintd.yaml").write_text(
        'server: { listen: "192.0.2.1:80" }\nrender: { browser: /nowhere/chromium }\n'
    )
    done = repaintd("doctor", "--config", tree)
    assert done.returncode == 1
    assert "FAIL  listen address" in done.stdout
    assert "→ set server.listen" in done.stdout
