"""`repaintd refresh`: what a person reads, what a script gets, how it ends."""

from __future__ import annotations

import json

import pytest

from repaintd.app.client import DaemonRefused


def refreshed(status, **more):
    head = {"status": status, "bindingId": "card", "refreshId": "ref_1", "renderUrl": "http://x/b"}
    return {**head, "queued": status != "paused", **more}


@pytest.mark.parametrize(
    ("arguments", "answer", "ended"),
    [
        ([], refreshed("refreshing"), (0, "card: a refresh is queued (ref_1)\n", "")),
        (
            ["--wait"],
            refreshed("refreshed", changed=True),
            (0, "card: a new image, http://x/b\n", ""),
        ),
        (
            ["--wait"],
            refreshed("refreshed", changed=False),
            (0, "card: nothing has changed, http://x/b\n", ""),
        ),
        (
            ["--wait"],
            refreshed(
                "failed",
                changed=False,
                binding={"lastErrorStage": "fetch", "lastError": "404\x1b[2J: check\nthe URL"},
            ),
            (1, "", "card: fetch failed: 404\\x1b[2J: check\\nthe URL\n"),
        ),
        (
            ["--wait"],
            refreshed("refreshing", changed=False),
            (1, "", "card: still not done after 60 s; see `repaintd list`\n"),
        ),
        (
            [],
            refreshed("paused"),
            (1, "", "card: paused, so nothing runs; take `paused: true` out of its file first\n"),
        ),
    ],
)
def test_refresh_says_what_became_of_it_and_ends_accordingly(daemon, run, arguments, answer, ended):
    daemon.answers["refresh"] = answer

    assert run("refresh", "card", *arguments) == ended
    assert daemon.asked == [("refresh", ("card", 60 if arguments else 0))]
    as_json = run("refresh", "card", "--json", *arguments)
    assert (json.loads(as_json.out), as_json.code, as_json.err) == (answer, ended[0], "")


def test_refresh_of_a_binding_that_there_is_not_names_the_one_that_was_meant(daemon, run):
    daemon.answers["refresh"] = DaemonRefused("There is no binding with this uid.", 404)

    assert run("refresh", "crad") == (
        1,
        "",
        "repaintd: there is no binding 'crad'; did you mean 'card'?\n",
    )
    assert "`repaintd list` shows" in run("refresh", "xyz").err
    assert "works with an older configuration" in run("refresh", "card").err
