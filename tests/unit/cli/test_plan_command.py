"""`repaintd plan` against directories, revisions and what a daemon tells; without drawing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import orjson
import pytest

from repaintd.app import Options, load
from repaintd.app.client import DaemonRefused, DaemonSilent
from repaintd.app.plan_active import active_page
from repaintd.cli import main

CANARY = "hunter2-canary"
SETTINGS = """
server: { listen: "127.0.0.1:9", apiKeys: ["${env:NO_SUCH_KEY}"] }
webhooks:
  - { uid: chat, events: ["*"], targetUrl: "https://example.org/hook", secret: "${env:CHAT}" }
"""
BINDINGS = f"""
bindings:
  - uid: card
    templateId: plain
    dataSource:
      type: http
      url: "https://example.org/card?token={CANARY}-url"
      headers: {{ X-Api-Key: "{CANARY}-header" }}
      credentials: {{ type: bearer_token, value: "{CANARY}-value" }}
    mapping: {{ title: title, "odd key": a.b }}
    webhook: {{ secret: "{CANARY}-hook" }}
  - uid: fixed
    templateId: other
    dataSource: {{ type: static, staticData: {{ title: Hello }} }}
    mapping: {{ title: title }}
"""


def write(directory, *, settings=SETTINGS, bindings=BINDINGS, templates=("plain", "other")):
    for name in templates:
        folder = directory / "templates" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "template.html").write_text("<body>{{ title }}</body>")
        (folder / "template.yaml").write_text("variables: { title: '' }\n")
    (directory / "bindings").mkdir(exist_ok=True)
    (directory / "bindings" / "all.yaml").write_text(bindings)
    (directory / "repaintd.yaml").write_text(settings)


@pytest.fixture
def old(tmp_path):
    write(tmp_path / "old")
    return tmp_path / "old"


@pytest.fixture
def new(tmp_path):
    """Another directory, which says the same until a test edits it."""
    write(tmp_path / "new")
    return tmp_path / "new"


def edit(directory, file, *pairs):
    path = directory / file
    text = path.read_text()
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)


@pytest.fixture
def plan(new, monkeypatch, capfd):
    """Runs `repaintd plan` on the new directory; exit code, output and errors, without canaries."""

    def run(*arguments):
        argv = ["repaintd", "plan", "--config", str(new), *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", argv)
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        found = capfd.readouterr()
        assert "Traceback" not in found.err
        assert CANARY not in found.out + found.err
        return int(end.value.code or 0), found.out, found.err

    return run


def document(result):
    code, out, _ = result
    return code, json.loads(out)


def test_the_same_again_is_no_change_and_ends_with_0(plan, old):
    code, out, _ = plan("--against", old)
    assert (code, out) == (0, f"compared with {old}: nothing changes\n")
    code, found = document(plan("--against", old, "--format", "json"))
    assert (code, found["changes"], found["valid"]) == (0, False, True)
    code, out, _ = plan("--against", old, "--format", "markdown")
    assert code == 0
    assert out.startswith("### repaintd plan: nothing changes\n")


def test_changes_end_with_2_and_say_which_fields_and_what_follows(plan, old, new):
    edit(new, "bindings/all.yaml", ("title: title,", "title: name,"), ("uid: fixed", "uid: moved"))
    edit(new, "repaintd.yaml", ("server:", "refresh: { perHost: 2, minTtlSeconds: 30 }\nserver:"))
    edit(new, "templates/plain/template.html", ("<body>", "<body>!"))
    code, found = document(plan("--against", old, "--format", "json"))
    assert code == 2
    assert found["added"] == [{"uid": "moved", "templateId": "other", "type": "static"}]
    assert [each["uid"] for each in found["removed"]] == ["fixed"]
    (card,) = found["changed"]
    assert (card["uid"], card["redrawn"], card["refetched"]) == ("card", True, False)
    assert card["fields"] == [
        {"name": "mapping.title", "before": '"title"', "after": '"name"'},
        {"name": "template", "before": None, "after": None},
    ]
    assert found["templates"] == [{"id": "plain", "change": "changed", "bindings": ["card"]}]
    assert [
        (e["name"], e["before"], e["after"], e["restartNeeded"]) for e in found["settings"]
    ] == [
        ("refresh.minTtlSeconds", "60", "30", False),
        ("refresh.perHost", "4", "2", True),
    ]
    assert found["counts"] == {
        "bindings": 2,
        "added": 1,
        "changed": 1,
        "removed": 1,
        "redrawn": 1,
        "refetched": 0,
        "templates": 1,
        "settings": 2,
        "restartNeeded": 1,
    }


def test_people_read_one_line_for_each_thing(plan, old, new):
    edit(new, "bindings/all.yaml", ("/card?", "/cards?"), ('"odd key": a.b', '"odd key": a.c'))
    edit(new, "repaintd.yaml", ("server:", "render: { timeout: 3s }\nserver:"))
    edit(new, "templates/other/template.html", ("<body>", "<body>!"))
    code, out, _ = plan("--against", old)
    assert code == 2
    assert (
        out
        == f"""\
compared with {old}: 2 bindings changed; 1 template changed; 1 setting changed
then: 2 redrawn, 1 fetched anew, the daemon has to be restarted
~ card  fetched anew, redrawn
    dataSource.url: "https://example.org/card?token=********" → \
"https://example.org/cards?token=********"
    mapping["odd key"]: "a.b" → "a.c"
~ template other  1 binding: fixed
~ setting render.timeout: 15 → 3  needs a restart
"""
    )


def test_what_need_not_be_drawn_again_says_so(plan, old, new):
    edit(new, "bindings/all.yaml", ("- uid: fixed", "- uid: fixed\n    paused: true"))
    _, out, _ = plan("--against", old)
    assert "~ fixed  not redrawn\n    paused: false → true\n" in out


def test_templates_come_and_go(plan, old, new):
    shutil.move(new / "templates" / "other", new / "templates" / "another")
    edit(new, "bindings/all.yaml", ("templateId: other", "templateId: another"))
    _, found = document(plan("--against", old, "--format", "json"))
    assert found["templates"] == [
        {"id": "another", "change": "added", "bindings": ["fixed"]},
        {"id": "other", "change": "removed", "bindings": ["fixed"]},
    ]
    _, out, _ = plan("--against", old)
    assert "+ template another  1 binding: fixed\n- template other  1 binding: fixed" in out


def test_a_secret_in_clear_that_changes_is_seen_to_change_and_nothing_else(plan, old, new):
    edit(
        new,
        "bindings/all.yaml",
        (f"{CANARY}-value", f"{CANARY}-other"),
        (f"{CANARY}-hook", f"{CANARY}-hooked"),
    )
    code, found = document(plan("--against", old, "--format", "json"))
    assert code == 2
    assert found["changed"][0]["fields"] == [
        {"name": "dataSource.credentials.value", "before": None, "after": None},
        {"name": "webhook.secrets", "before": None, "after": None},
    ]
    for output in ("text", "markdown"):
        assert "dataSource.credentials.value" in plan("--against", old, "--format", output)[1]


def test_many_bindings_of_a_template_are_one_line(plan, old, new):
    for directory in (old, new):
        (directory / "bindings" / "many.yaml").write_text(
            "bindings:\n"
            + "".join(
                f"  - {{ uid: m{n:03}, templateId: plain, dataSource: {{ type: static }} }}\n"
                for n in range(300)
            )
        )
    edit(new, "templates/plain/template.html", ("<body>", "<body>!"))
    _, out, _ = plan("--against", old)
    assert len(out.splitlines()) == 3
    assert "301 bindings: card, m000, " in out
    assert out.endswith(", and 291 more\n")


def test_markdown_is_a_comment_that_github_takes(plan, old, new):
    edit(new, "bindings/all.yaml", ("title: Hello", 'title: "a|b `c` <img src=x> @you"'))
    edit(new, "repaintd.yaml", ("server:", "refresh: { perHost: 2 }\nserver:"))
    code, out, _ = plan("--against", old, "--format", "markdown")
    assert code == 2
    assert out.startswith(
        "### repaintd plan: 1 binding changed; 1 setting changed\n\nCompared with"
    )
    assert "<details><summary>Changed (1)</summary>\n\n| Binding | What changes | Then |" in out
    assert "| <code>refresh.perHost</code> | <code>4</code> → <code>2</code> | restart |" in out
    assert "a&#124;b &#96;c&#96; &lt;img src=x&gt; &#64;you" in out
    assert out.count("<details") == out.count("</details>")


def test_markdown_ends_before_it_is_too_long(plan, old, new):
    (new / "bindings" / "many.yaml").write_text(
        "bindings:\n"
        + "".join(
            f"  - {{ uid: m{n:04}, templateId: plain, dataSource: {{ type: static }} }}\n"
            for n in range(2000)
        )
    )
    _, out, _ = plan("--against", old, "--format", "markdown")
    assert 55_000 < len(out) <= 60_000
    shown = len(re.findall(r"^\| <code>m\d{4}", out, re.MULTILINE))
    assert f"… and {2000 - shown:,} more, for which there is no room here." in out
    assert out.count("<details") == out.count("</details>")


def test_an_invalid_configuration_ends_with_1_and_its_problems(plan, old, new):
    edit(new, "bindings/all.yaml", ("uid: fixed", "uid: Fixed!"))
    code, out, err = plan("--against", old)
    assert (code, out) == (1, "")
    assert "bindings/all.yaml:12:10: bindings[1].uid: " in err
    code, found = document(plan("--against", old, "--format", "json"))
    assert (code, found["valid"]) == (1, False)
    assert "bindings[1].uid" in [each["path"] for each in found["problems"]]
    code, out, _ = plan("--against", old, "--format", "markdown")
    assert code == 1
    assert out.startswith("### repaintd plan: the configuration is not valid\n")
    assert "<code>bindings/all.yaml:12:10</code>" in out


def test_an_invalid_configuration_to_compare_with_is_told_from_ones_own(plan, old):
    edit(old, "bindings/all.yaml", ("uid: fixed", "uid: Fixed!"))
    code, _, err = plan("--against", old)
    assert code == 1
    assert err.startswith(f"{old}:bindings/all.yaml:12:10: ")


@pytest.mark.parametrize("arguments", [["--no-such"], ["--format", "xml"], ["--limit", "-1"]])
def test_misuse_is_not_taken_for_changes(plan, arguments):
    code, _, err = plan(*arguments)
    assert code == 1
    assert "Error:" in err


def test_what_is_no_directory_and_no_revision_is_refused(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    code, _, err = plan("--against", "nowhere")
    assert code == 1
    assert err.startswith("repaintd: ")


def test_a_revision_is_compared_with(plan, new, tmp_path, require):
    def git(*arguments):
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        command = [require("git"), "-C", str(tmp_path), *identity, *arguments]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - fixed

    git("init", "-q", "-b", "main")
    git("commit", "-q", "--allow-empty", "-m", "nothing")
    git("add", "new")
    git("commit", "-qm", "something")
    code, out, _ = plan("--against", "main")
    assert code == 0
    assert re.fullmatch(r"compared with main \([0-9a-f]{12}\): nothing changes\n", out)
    edit(new, "bindings/all.yaml", ("title: Hello", "title: Bye"))
    code, found = document(plan("--against", "main", "--format", "json"))
    assert (code, found["kind"]) == (2, "revision")
    assert [each["uid"] for each in found["changed"]] == ["fixed"]
    code, found = document(plan("--against", "main~1", "--format", "json"))
    assert (code, found["counts"]["added"], found["counts"]["removed"]) == (2, 2, 0)


def test_a_directory_wins_over_a_revision_of_the_same_name(plan, old, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = plan("--against", "old")
    assert (code, out) == (0, "compared with old: nothing changes\n")


def test_beside_an_empty_directory_all_is_new(plan, tmp_path):
    (tmp_path / "empty").mkdir()
    code, found = document(plan("--against", tmp_path / "empty", "--format", "json"))
    assert (code, found["counts"]["added"]) == (2, 2)


def test_a_directory_of_something_else_is_refused(plan, tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("x")
    monkeypatch.chdir(tmp_path)
    code, _, err = plan("--against", "docs")
    assert code == 1
    assert err.startswith("repaintd: docs is a directory, but no configuration; if a branch")

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    assert plan("--against", "docs")[2] == "repaintd: docs cannot be read: Permission denied\n"


class FakeDaemon:
    """Stands in the place of `DaemonClient`; tells of a directory, or raises."""

    def __init__(self, directory, monkeypatch):
        self.loaded = load(Options(directory=directory, environ={}))
        self.fault = None
        self.asked = []
        self.changes = {}
        self.paged = lambda most: monkeypatch.setattr("repaintd.app.plan_active.BINDINGS", most)

    def __call__(self, *_):
        return self

    def active_configuration(self, after):
        self.asked.append(after)
        if self.fault:
            raise self.fault
        page = active_page(self.loaded, after)
        assert CANARY not in page.decode()
        return orjson.loads(page) | self.changes


@pytest.fixture
def daemon(old, monkeypatch):
    fake = FakeDaemon(old, monkeypatch)
    monkeypatch.setattr("repaintd.app.plan_baseline.DaemonClient", fake)
    return fake


@pytest.mark.usefixtures("daemon")
def test_the_running_daemon_is_what_is_compared_with_unless_told_otherwise(plan):
    assert plan()[:2] == (0, "compared with the running daemon: nothing changes\n")
    assert plan("--against", "daemon")[0] == 0


@pytest.mark.parametrize("page", [1, 2, 3])
def test_the_daemon_and_its_files_give_the_same_plan(plan, old, new, daemon, page):
    daemon.paged(page)
    edit(
        new,
        "bindings/all.yaml",
        ("title: title,", "title: name,"),
        (f"{CANARY}-header", f"{CANARY}-headers"),
        (f"{CANARY}-hook", f"{CANARY}-hooked"),
        ("title: Hello", "title: Bye"),
        ("- uid: fixed", "- uid: fixed\n    freshness: { maxStale: 1h }"),
    )
    edit(
        new,
        "repaintd.yaml",
        ("env:CHAT", "env:CHATS"),
        ("server:", "render: { pages: 2 }\nserver:"),
    )
    edit(new, "templates/other/template.yaml", ("''", "x"))
    code, by_daemon = document(plan("--format", "json"))
    assert code == 2
    assert len(daemon.asked) == {1: 2, 2: 1, 3: 1}[page]
    _, by_files = document(plan("--against", old, "--format", "json"))
    for each in (by_daemon, by_files):
        del each["against"], each["kind"]
    assert by_daemon == by_files


def test_without_a_daemon_it_is_said_what_else_to_compare_with(plan, daemon):
    daemon.fault = DaemonSilent("no daemon answers")
    code, _, err = plan()
    assert code == 1
    assert err.startswith("repaintd: no daemon answers; or say what to compare with: --against DIR")


def test_a_daemon_of_another_version_is_not_compared_with(plan, daemon):
    daemon.changes = {"form": 2}
    assert "of another version" in plan()[2]
    daemon.fault = DaemonRefused("Not Found", 404)
    assert "of another version" in plan()[2]
    daemon.fault = DaemonRefused("no such key", 401)
    assert plan()[2] == "repaintd: no such key\n"


def test_a_daemon_that_reloads_meanwhile_is_asked_again(plan, daemon, monkeypatch):
    monkeypatch.setattr("repaintd.app.plan_active.BINDINGS", 1)
    versions = iter(["a", "b", "b", "b"])
    ask = daemon.active_configuration
    monkeypatch.setattr(
        daemon, "active_configuration", lambda after: ask(after) | {"version": next(versions)}
    )
    assert plan()[0] == 0
    assert daemon.asked == ["", "card", "", "card"]
    versions = iter("abcdef")
    assert "changes all the time" in plan()[2]


def test_a_page_ends_when_it_is_large(old, monkeypatch):
    monkeypatch.setattr("repaintd.app.plan_active.BYTES", 10)
    loaded = load(Options(directory=old, environ=dict(os.environ)))
    page = orjson.loads(active_page(loaded))
    assert (list(page["bindings"]), page["next"]) == (["card"], "card")
    page = orjson.loads(active_page(loaded, "card"))
    assert (list(page["bindings"]), page["next"]) == (["fixed"], None)
