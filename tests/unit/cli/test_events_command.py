"""`repaintd events`: lines, documents, and a stream that outlives its daemon."""

from __future__ import annotations

import json

import orjson

from repaintd.app.client import DaemonRefused, DaemonSilent, Message


def happened(number, name="binding.updated", **data):
    body = {"event": name, "timestamp": "2026-01-02T03:04:05.678Z", "data": data}
    return Message(id=f"evt_{number}", name=name, body=orjson.dumps(body).decode())


def reset(number):
    return Message(id=f"evt_{number}", name="reset", body='{"reason":"some may have been missed"}')


def test_events_are_lines(daemon, run):
    daemon.streams = [
        [
            Message(id="evt_0"),
            happened(1, bindingId="card", changed=["stars", "title"], trigger="webhook"),
            happened(2, bindingId="card", changed=[], trigger="update"),
            happened(3, "binding.failed", bindingId="card", stage="fetch", error="404\n\x1b[2J"),
            happened(4, "webhook.disabled", subscriptionId="chat", reason="gone"),
            happened(5, "binding.new"),
            happened(6, "config.applied", changed=[{"uid": "card"}], counts={"changed": 1}),
            happened(7, "config.applied", changed=[], counts={"bindings": 3, "changed": 0}),
            happened(
                8,
                "config.rejected",
                problems=[{"file": "repaintd.yaml", "line": 3, "message": "unknown key"}],
                count=2,
            ),
            happened(9, "binding.stale", bindingId="card", asOf="2026-01-02", error="404"),
            happened(10, "binding.stale", bindingId="card", asOf=None, error=None),
            happened(11, "binding.fresh", bindingId="card", asOf="2026-01-03"),
        ]
    ]

    ended = run("events", "--binding", "card", "--binding", "b", "--event", "binding.*")

    assert daemon.asked == [
        (
            "events",
            [
                ("binding", "card"),
                ("binding", "b"),
                ("event", "binding.*"),
                ("last", "20"),
                ("follow", "false"),
            ],
        )
    ]
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        f"2026-01-02T03:04:05.678Z  {name:<16}  {subject:<24}  {rest}"
        for name, subject, rest in (
            ("binding.updated", "card", "evt_1  stars, title (webhook)"),
            ("binding.updated", "card", "evt_2  drawn anew (update)"),
            ("binding.failed", "card", "evt_3  fetch: 404\\n\\x1b[2J"),
            ("webhook.disabled", "chat", "evt_4  gone"),
            ("binding.new", "", "evt_5"),
            ("config.applied", "", "evt_6  1 changed"),
            ("config.applied", "", "evt_7  good again, nothing has changed"),
            ("config.rejected", "", "evt_8  repaintd.yaml:3: unknown key (and 1 more)"),
            ("binding.stale", "card", "evt_9  the data is of 2026-01-02: 404"),
            ("binding.stale", "card", "evt_10  the data is of no time yet"),
            ("binding.fresh", "card", "evt_11  the data is of 2026-01-03"),
        )
    ]


def test_events_for_machines_are_one_document_per_line(daemon, run):
    daemon.streams = [[Message(id="evt_0"), happened(1, bindingId="card\n"), reset(2)]]

    lines = run("events", "--json").out.splitlines()

    assert [json.loads(line) for line in lines] == [
        {
            "id": "evt_1",
            "event": "binding.updated",
            "timestamp": "2026-01-02T03:04:05.678Z",
            "data": {"bindingId": "card\n"},
        },
        {"id": "evt_2", "event": "reset", "reason": "some may have been missed"},
    ]


def test_no_events_are_said_beside_the_output(daemon, run):
    daemon.streams = [[Message(id="evt_9")]]

    assert run("events", "--last", "3") == (0, "", "no events\n")
    assert ("last", "3") in daemon.asked[0][1]


def test_an_id_that_is_not_known_is_said_and_a_failure(daemon, run):
    daemon.streams = [[reset(9)]]

    assert run("events", "--since", "evt_typo") == (1, "", "some may have been missed\n")
    assert ("since", "evt_typo") in daemon.asked[0][1]


def test_since_and_last_exclude_each_other(daemon, run):
    ended = run("events", "--since", "evt_1", "--last", "3")

    assert ended.code == 2
    assert "--since and --last exclude each other" in ended.err
    assert daemon.asked == []


def test_a_list_that_breaks_off_is_a_failure(daemon, run):
    daemon.streams = [[happened(1), DaemonSilent("the connection broke off")]]

    ended = run("events")

    assert (ended.code, ended.err) == (1, "repaintd: the connection broke off\n")
    assert "evt_1" in ended.out


def begun(daemon):
    """Where each stream was to begin."""
    return [query[-1] for _, query in daemon.asked]


def test_follow_goes_on_behind_the_last_event_when_the_daemon_was_away(daemon, run):
    daemon.streams = [
        [Message(id="evt_0"), happened(1), happened(2)],  # it stops in good order
        [DaemonSilent("nobody listens")],
        [DaemonRefused("not told just now", 503)],
        [Message(id="evt_2"), happened(3), DaemonSilent("killed")],
        [Message(id="evt_3"), reset(7), KeyboardInterrupt],
    ]

    ended = run("events", "--follow", "--json")

    assert ended.code == 130
    assert [json.loads(line)["id"] for line in ended.out.splitlines()] == [
        "evt_1",
        "evt_2",
        "evt_3",
        "evt_7",
    ]
    assert begun(daemon) == [("last", "20"), *[("since", "evt_2")] * 3, ("since", "evt_3")]
    gone, back = "the daemon is gone; waiting for it", "the daemon is back"
    assert ended.err.split("\n")[:4] == [gone, back, gone, back]


def test_follow_loses_nothing_when_the_stream_is_lost_before_anything_happened(daemon, run):
    daemon.streams = [[Message(id="evt_5")], [KeyboardInterrupt]]
    run("events", "-f", "--last", "0")
    assert begun(daemon) == [("last", "0"), ("since", "evt_5")]

    daemon.asked.clear()
    daemon.streams = [[Message()], [KeyboardInterrupt]]  # there never was any event
    run("events", "-f", "--last", "0")
    assert begun(daemon) == [("last", "0"), ("last", "1000")]


def test_follow_gives_up_when_the_daemon_comes_back_with_another_key(daemon, run):
    daemon.streams = [[happened(1)], [DaemonRefused("another key", 401)]]

    ended = run("events", "--follow")

    assert ended.code == 1
    assert ended.err.endswith("repaintd: another key\n")


def test_follow_says_that_events_were_missed_and_goes_on(daemon, run):
    daemon.streams = [[reset(7), happened(8), KeyboardInterrupt]]

    ended = run("events", "--follow", "--since", "evt_1")

    assert "evt_8" in ended.out
    assert ended.err.startswith("some may have been missed\n")
