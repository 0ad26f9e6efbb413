"""`repaintd deliveries`: a table, documents, and what is told again."""

from __future__ import annotations

import json

import pytest

from repaintd.app.client import DaemonRefused


def attempt(**changes):
    return {
        "deliveryId": "del_1",
        "sink": "webhooks/chat",
        "subscription": "chat",
        "eventId": "evt_1",
        "event": "binding.updated",
        "bindingId": "card",
        "attempt": 1,
        "at": "2026-01-02T03:04:05.678Z",
        "status": 204,
        "durationMs": 12.3,
        "error": None,
        "nextRetry": None,
        "dead": False,
        **changes,
    }


def test_deliveries_are_a_table(daemon, run):
    later = "2026-01-02T03:05:05Z"
    daemon.answers["deliveries"] = [
        attempt(),
        attempt(sink="mqtt", subscription=None, status=None),
        attempt(status=500, error="500: no\x1b", nextRetry=later),
        attempt(status=None, error="cannot connect", attempt=6, dead=True, bindingId=""),
    ]

    ended = run("deliveries", "--failed", "--subscription", "chat", "--limit", "9")

    assert daemon.asked == [("deliveries", {"failed": True, "subscription": "chat", "limit": 9})]
    assert (ended.code, ended.err) == (0, "")
    lead = "2026-01-02T03:04:05.678Z"
    event = "binding.updated"
    assert ended.out.splitlines() == [
        f"{'WHEN':24}  RECEIVER  EVENT            BINDING  TRY  TOOK   DELIVERY  ANSWER",
        f"{lead}  chat      {event}  card     1    12 ms  del_1     204",
        f"{lead}  mqtt      {event}  card     1    12 ms  del_1     ok",
        f"{lead}  chat      {event}  card     1    12 ms  del_1     500: no\\x1b; again {later}",
        f"{lead}  chat      {event}           6    12 ms  del_1     cannot connect; given up",
    ]


def test_deliveries_for_machines_are_the_daemons_documents(daemon, run):
    daemon.answers["deliveries"] = [attempt()]

    assert json.loads(run("deliveries", "--json").out) == {"deliveries": [attempt()]}


@pytest.mark.parametrize(
    ("arguments", "said"), [([], "no deliveries\n"), (["--failed"], "no such deliveries\n")]
)
def test_no_deliveries_are_said_beside_the_output(daemon, run, arguments, said):
    daemon.answers["deliveries"] = []

    assert run("deliveries", *arguments) == (0, "", said)
    assert json.loads(run("deliveries", "--json", *arguments).out) == {"deliveries": []}


@pytest.mark.parametrize(
    ("count", "said"), [(1, "1 delivery is made again\n"), (3, "3 deliveries are made again\n")]
)
def test_replay_says_how_many_deliveries_it_makes(daemon, run, count, said):
    daemon.answers["replay"] = count

    assert run("deliveries", "--replay", "evt_1") == (0, said, "")
    assert daemon.asked == [("replay", "evt_1")]


def test_resume_comes_before_replay_and_nothing_is_shown(daemon, run):
    daemon.answers["replay"] = 1

    ended = run("deliveries", "--replay", "del_1", "--resume", "chat")

    assert daemon.asked == [("resume", "chat"), ("replay", "del_1")]
    assert ended.out.startswith("chat: active; ")
    assert ended.out.endswith("1 delivery is made again\n")


@pytest.mark.parametrize("option", ["--replay", "--resume"])
def test_what_is_not_there_to_replay_or_resume_is_said(daemon, run, option):
    missing = DaemonRefused("Nothing matches the given URI.", 404)
    daemon.answers = {"replay": missing, "resume": missing}

    ended = run("deliveries", option, "x/y")

    assert (ended.code, ended.out) == (1, "")
    assert "'x/y'" in ended.err
    assert ended.err.endswith("; `repaintd deliveries` shows what there is\n")
