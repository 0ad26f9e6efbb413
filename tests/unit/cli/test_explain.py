from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from repaintd.app import explain as app_explain
from repaintd.app.client import DaemonRefused, DaemonSilent
from repaintd.cli import root
from repaintd.cli.explain import HEADINGS
from repaintd.cli.local_time import local_times
from repaintd.core.explanation import Facts, explanation
from repaintd.core.run import Ending, Run, Streak
from repaintd.core.state import BindingState, Fallback, StoredImage, Trigger
from repaintd.core.view import View
from repaintd.runtime.clock import SystemClock
from repaintd.store import open_store
from repaintd.testing import sample_binding

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_700_000_000.0
IMAGE = StoredImage(
    etag="e", size=1, format="png", media_type="image/png", width=1, height=1,
    published_at=NOW - 60,
)  # fmt: skip
STATE = BindingState(
    uid="card",
    image=IMAGE,
    next_due_at=NOW + 40,
    due_reason="policy",
    last_attempt_at=NOW - 10,
    streak=Streak(
        number=40, count=1200, trigger=Trigger.TTL, ending=Ending.NOT_MODIFIED,
        first_at=NOW - 90_000, fetch=1.25,
    ),
)  # fmt: skip
FALLBACK = Fallback(variable="stars", path="n", reason="nothing there", used="empty")
PUBLISHED = Run(
    number=39, trigger=Trigger.MANUAL, ending=Ending.PUBLISHED, at=NOW - 60, last_at=NOW - 60,
    stages={"turn": 0.0, "fetch": 0.02, "render": 1.5}, seconds=1.52, changed=("title", "stars"),
    fallbacks=(FALLBACK,),
)  # fmt: skip
FAILED = replace(
    PUBLISHED, ending=Ending.FAILED, stage="fetch", reason="timeout", error="no\x1b answer"
)

CONFIG = """
bindings:
  - uid: card
    templateId: plain
    dataSource: { type: static, staticData: { title: Hello } }
    mapping: { title: title }
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    config = tmp_path / "config"
    template = config / "templates" / "plain"
    template.mkdir(parents=True)
    (template / "template.html").write_text("{{ title }}")
    (config / "bindings").mkdir()
    (config / "bindings" / "all.yaml").write_text(CONFIG)
    return config


class FakeClient:
    """Answers with `answer`, or raises it."""

    answer: object = None

    def __init__(self, *_args: object) -> None:
        pass

    def explain(self, _uid: str):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def daemon(monkeypatch):
    """What the daemon answers is set as `answer`."""
    monkeypatch.setattr(app_explain, "DaemonClient", FakeClient)
    monkeypatch.setattr(FakeClient, "answer", DaemonSilent("nobody there"))
    return FakeClient


def document(*runs, **state):
    view = View(binding=sample_binding(), state=replace(STATE, **state))
    return explanation(Facts(view=view, now=NOW, runs=runs))


def explained(tree: Path, *arguments: str):
    return CliRunner().invoke(root, ["explain", "card", "--config", str(tree), *arguments])


def test_people_read_one_sentence_then_rules_then_runs(tree, daemon):
    daemon.answer = document(PUBLISHED)
    done = explained(tree)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("card is active: unchanged since ")
    assert "next poll in 40 s because ttlSeconds is 300" in lines[0]
    assert lines[1].startswith("  - policy ttl: asked every 5 min")
    assert lines[2].startswith("  - not drawn anew: in the last 1,200 runs (since ")
    assert lines[3] == ""
    assert lines[4].split() == list(HEADINGS)
    assert "1,200  ttl      304        1.2 s  fetch 1.2 s" in lines[5]
    assert lines[5].endswith("the longest of them")
    assert lines[6].endswith(
        "published  1.5 s  fetch 20 ms, render 1.5 s  changed: title, stars; fell back: stars"
    )


def test_failures_are_shown_with_their_stage_and_no_terminal_code(tree, daemon):
    daemon.answer = document(FAILED)
    line = explained(tree).stdout.splitlines()[6]
    assert "fetch (timeout): no" in line
    assert "\x1b" not in line


def test_failures_beyond_the_latest_runs_have_a_table_of_their_own(tree, daemon):
    runs = [replace(FAILED, number=1), *(replace(PUBLISHED, number=n) for n in range(2, 40))]
    daemon.answer = document(*runs)
    lines = explained(tree).stdout.splitlines()
    assert lines[-3] == "failures before those:"


def test_machines_get_the_document(tree, daemon):
    daemon.answer = document(PUBLISHED)
    assert json.loads(explained(tree, "--json").stdout) == daemon.answer


def test_without_a_daemon_it_is_what_was_written_down(tree, daemon):
    done = explained(tree)
    assert done.exit_code == 0, done.output
    assert "it has not run yet" in done.stdout
    assert done.stderr == "the daemon does not answer; this is what it wrote down last\n"


async def test_what_was_written_down_has_the_runs(tree, daemon):
    async with open_store(tree.parent / "state", clock=SystemClock()) as store:
        store.log_run("card", PUBLISHED)
        await store.commit(STATE)
    found = await app_explain._left(
        type(
            "C", (), {"bindings": {"card": sample_binding()}, "state_path": tree.parent / "state"}
        ),
        "card",
    )
    assert [run["number"] for run in found["runs"]] == [40, 39]
    assert not found["running"]


@pytest.mark.parametrize("answer", [DaemonRefused("no such binding", 404), DaemonSilent("")])
def test_what_there_is_not_is_said_with_what_was_meant(tree, daemon, answer):
    daemon.answer = answer
    done = CliRunner().invoke(root, ["explain", "cart", "--config", str(tree)])
    assert done.exit_code == 1
    assert "did you mean 'card'?" in str(done.exception)


def test_another_refusal_is_passed_on(tree, daemon):
    daemon.answer = DaemonRefused("no key", 401)
    assert str(explained(tree).exception) == "no key"


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        ("2026-03-04T11:59:30.000Z", "12:59:30"),
        ("2026-03-04T08:00:00.000Z", "09:00"),
        ("2026-03-03T08:00:00.000Z", "Mar 3 09:00"),
        ("2025-12-31T08:00:00.000Z", "2025-12-31 09:00"),
    ],
)
def test_times_are_short_and_in_the_readers_zone(stamp, words):
    now = datetime(2026, 3, 4, 13, 0, tzinfo=timezone(timedelta(hours=1)))
    assert local_times(now)(stamp) == words
