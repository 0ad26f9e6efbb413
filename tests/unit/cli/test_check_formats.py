"""`repaintd check` as continuous integration reads it: annotations, SARIF, exit codes, the hook."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from repaintd import __version__
from repaintd.app.checking import Checked
from repaintd.cli import root
from repaintd.cli.reports import FORMATS
from repaintd.cli.reports.report import CheckReport
from repaintd.cli.reports.root import Root, find_root
from repaintd.cli.reports.rules import RULES
from repaintd.config import Problem

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"
SETTINGS = 'server: { listen: "127.0.0.1:9", apiKeys: ["${env:NO_SUCH_KEY}"] }\n'
BINDINGS = """
bindings:
  - uid: card
    templateId: plain
    dataSource: { type: static, staticData: { title: Hello } }
    mapping: { title: title }
"""
WRONG = """
bindings:
  - uid: card
    templateId: plain
    dataSource: { type: static, staticData: { title: Hello } }
    mapping: { title: "title[", titel: title }
    refreshPolcy: {}
    webhook: { secret: clear }
"""


@pytest.fixture
def tree(tmp_path):
    config = tmp_path / "checkout" / "my config"
    folder = config / "templates" / "plain"
    folder.mkdir(parents=True)
    (folder / "template.html").write_text("<body>{{ title }}</body>")
    (folder / "template.yaml").write_text("variables: { title: '' }\n")
    (config / "bindings").mkdir()
    (config / "bindings" / "all.yaml").write_text(BINDINGS)
    (tmp_path / "checkout" / ".git").mkdir()
    return config


def check(tree: Path, *arguments: str, **environ: str):
    arguments = ("check", "--config", str(tree), *arguments)
    return CliRunner().invoke(
        root, arguments, env={"REPAINTD_API_KEY": "x", "GITHUB_WORKSPACE": None, **environ}
    )


def report(tmp_path: Path, *problems: Problem, strict: bool = False) -> CheckReport:
    return CheckReport(
        checked=Checked(problems=problems),
        directory=tmp_path / "config",
        root=Root(directory=tmp_path),
        strict=strict,
    )


def sarif_of(tree: Path, *arguments: str, **environ: str):
    done = check(tree, "--format", "sarif", *arguments, **environ)
    return done.exit_code, validated(json.loads(done.stdout))


def validated(document):
    """The document, which its published schema takes."""
    if not SCHEMA.exists():
        pytest.skip("needs the schema of SARIF: make setup-dev")
    jsonschema.Draft4Validator(json.loads(SCHEMA.read_text())).validate(document)
    return document


def test_a_warning_passes_unless_strict(tree):
    (tree / "repaintd.yaml").write_text(SETTINGS)
    lenient, strict = check(tree), check(tree, "--strict")
    assert lenient.exit_code == 0
    assert lenient.stdout.splitlines()[-1] == "ok: 1 bindings, 1 templates"
    assert "repaintd.yaml:1:44: server.apiKeys[0]: warning: ${env:NO_SUCH_KEY}" in lenient.stdout
    assert strict.exit_code == 1
    assert strict.stderr.splitlines()[-1] == "1 warning(s), and --strict allows none"
    assert check(tree, "--strict", NO_SUCH_KEY="x").exit_code == 0
    document = json.loads(check(tree, "--strict", "--format", "json").stdout)
    assert document["valid"] is False


@pytest.mark.parametrize("name", FORMATS)
def test_the_exit_code_is_the_same_in_every_format(tree, name):
    assert check(tree, "--format", name).exit_code == 0
    (tree / "bindings" / "all.yaml").write_text(WRONG)
    assert check(tree, "--format", name).exit_code == 1
    assert check(tree / "nowhere", "--format", name).exit_code == 1


def test_annotations_land_on_the_files_of_the_repository(tree):
    (tree / "bindings" / "all.yaml").write_text(WRONG)
    lines = check(tree, "--format", "github").stdout.splitlines()
    file = "my config/bindings/all.yaml"
    where = f"::error file={file},line=6,col=23,title=repaintd/mapping::bindings[0].mapping.title: "
    assert any(line.startswith(where) for line in lines), lines
    assert lines[-1] == f"{len(lines) - 1} problem(s)"
    assert any(line.startswith(f"::warning file={file},line=8,col=24") for line in lines)


def test_annotations_are_relative_to_the_workspace_where_that_is_around(tree, tmp_path):
    (tree / "bindings" / "all.yaml").write_text(WRONG)
    for workspace, file in (
        (tmp_path, "checkout/my config/bindings/all.yaml"),
        (tmp_path / "elsewhere", "my config/bindings/all.yaml"),
    ):
        done = check(tree, "--format", "github", GITHUB_WORKSPACE=str(workspace))
        assert f"::error file={file},line=6," in done.stdout


def test_what_would_end_an_annotation_is_escaped(tmp_path):
    problem = Problem(
        file="bindings/a,b:c%\r\n.yaml",
        line=3,
        column=4,
        path="bindings[0].uid",
        message="100 % wrong,\nin: two lines\r::error::forged",
    )
    command, summary = FORMATS["github"](report(tmp_path, problem)).split("\n")
    assert command == (
        "::error file=config/bindings/a%2Cb%3Ac%25%0D%0A.yaml,line=3,col=4,"
        "title=repaintd/configuration::bindings[0].uid: 100 %25 wrong,%0Ain: two lines\\r"
        "::error::forged"
    )
    assert summary == "1 problem(s)"


def test_a_clean_configuration_is_a_sarif_log_without_results(tree):
    code, log = sarif_of(tree)
    (run,) = log["runs"]
    assert code == 0
    assert run["results"] == []
    assert run["tool"]["driver"]["version"] == __version__
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [
        "repaintd/configuration",
        "repaintd/template",
        "repaintd/mapping",
        "repaintd/secret",
        "repaintd/fixture",
    ]


def test_sarif_tells_every_problem_with_rule_level_and_place(tree):
    (tree / "bindings" / "all.yaml").write_text(WRONG)
    (tree / "templates" / "plain" / "template.html").write_text("<p>\n{{ title | nope }}")
    code, log = sarif_of(tree)
    (run,) = log["runs"]
    assert code == 1
    assert run["originalUriBaseIds"]["%SRCROOT%"]["uri"] == f"{tree.parent.as_uri()}/"
    found = {
        (each["ruleId"], each["level"], place(each)["region"]["startLine"])
        for each in run["results"]
    }
    assert found == {
        ("repaintd/mapping", "error", 6),
        ("repaintd/configuration", "error", 7),
        ("repaintd/secret", "warning", 8),
        ("repaintd/template", "error", 2),
    }
    for each in run["results"]:
        assert RULES[each["ruleIndex"]].id == each["ruleId"]
        assert place(each)["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
        assert place(each)["artifactLocation"]["uri"].startswith("my%20config/")


def place(result):
    (location,) = result["locations"]
    return location["physicalLocation"]


def test_sarif_names_a_file_outside_of_every_repository_in_full(tmp_path):
    problem = Problem(file="bindings/ü.yaml", message="is wrong")
    outside = CheckReport(
        checked=Checked(problems=(problem,)),
        directory=tmp_path / "config",
        root=Root(directory=tmp_path / "elsewhere"),
    )
    log = validated(json.loads(FORMATS["sarif"](outside)))
    (result,) = log["runs"][0]["results"]
    assert place(result)["artifactLocation"] == {
        "uri": f"{tmp_path.as_uri()}/config/bindings/%C3%BC.yaml"
    }


def test_fingerprints_hold_when_lines_and_bindings_move(tree):
    def prints() -> list[str]:
        _, log = sarif_of(tree)
        return [each["partialFingerprints"]["repaintd/v1"] for each in log["runs"][0]["results"]]

    (tree / "bindings" / "all.yaml").write_text(WRONG)
    before = prints()
    above = BINDINGS.replace("uid: card", "uid: other")
    below = WRONG.replace("\nbindings:", "")
    (tree / "bindings" / "all.yaml").write_text(f"# a comment\n{above}{below}")
    assert prints() == before
    assert len(set(before)) == len(before)


def test_equal_problems_have_fingerprints_of_their_own(tmp_path):
    problem = Problem(file="bindings/a.yaml", message="is wrong")
    log = json.loads(FORMATS["sarif"](report(tmp_path, problem, problem)))
    one, other = (each["partialFingerprints"]["repaintd/v1"] for each in log["runs"][0]["results"])
    assert one.partition(":")[0] == other.partition(":")[0]
    assert one != other


def test_a_directory_that_is_none_is_told_in_every_format(tmp_path):
    nowhere = tmp_path / "nowhere"
    done = check(nowhere, "--format", "github", GITHUB_WORKSPACE="/")
    assert f"::error file={nowhere.as_posix()[1:]},line=1" in done.stdout
    _, log = sarif_of(nowhere)
    assert log["runs"][0]["results"][0]["ruleId"] == "repaintd/configuration"


def test_without_git_and_workspace_paths_are_relative_to_where_we_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_root(Path("config"), {}).directory in {tmp_path, *tmp_path.parents}
    found = Root(directory=tmp_path)
    assert found.relative(tmp_path / "a" / ".." / "b") == Path("b")
    assert found.relative(tmp_path.parent) is None
    (tmp_path / "link").symlink_to(tmp_path)
    assert Root(directory=tmp_path / "link").relative(tmp_path / "b") == Path("b")


def test_the_hook_for_pre_commit_is_what_pre_commit_takes():
    manifest = ROOT / ".pre-commit-hooks.yaml"
    done = subprocess.run(  # noqa: S603 - fixed
        [sys.executable, "-m", "pre_commit", "validate-manifest", str(manifest)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    (hook,) = yaml.safe_load(manifest.read_text())
    assert hook["id"] == "repaintd-check"
    assert re.search(hook["files"], "config/bindings/all.yaml")
    command = [*hook["entry"].split()[1:], *hook["args"]]
    assert CliRunner().invoke(root, [*command[:-1], str(ROOT / "config")]).exit_code == 0
