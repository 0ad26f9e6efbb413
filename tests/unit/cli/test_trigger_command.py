"""`repaintd trigger`: the proofs it makes, and what keeps it from being sent."""

from __future__ import annotations

import json
import time

import pytest

from repaintd.app.client import DaemonRefused
from repaintd.core.proof import verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "a-token-that-nobody-guesses"

ACCEPTED = {"received": True, "queued": True, "bindingId": "card", "refreshId": "ref_1"}


@pytest.mark.parametrize("sender", [None, "standard", "github", "pictify"])
def test_trigger_proves_itself_as_the_sender_would(daemon, run, tmp_path, sender):
    daemon.answers["trigger"] = ACCEPTED
    (tmp_path / "data.json").write_bytes(b'{"title": "Hi"}\n')

    way = [] if sender is None else ["--as", sender]
    ended = run("trigger", "card", "--data", str(tmp_path / "data.json"), *way)

    assert ended == (0, "card: accepted, a refresh is queued (ref_1)\n", "")
    ((_, (uid, body, headers)),) = daemon.asked
    assert (uid, body) == ("card", b'{"title": "Hi"}\n')
    assert headers["Content-Type"] == "application/json"
    assert proven(headers, body, SECRET)
    assert not proven(headers, body + b" ", SECRET)
    again = run("trigger", "card", *way)
    assert (again.code, daemon.asked[1][1][1]) == (0, b"")
    assert seen(daemon.asked[1][1][2], b"").isdisjoint(seen(headers, body)), "it is no duplicate"


def proven(headers, body, secret, auth="signature"):
    try:
        seen(headers, body, secret, auth)
    except ValueError:
        return False
    return True


def seen(headers, body, secret=SECRET, auth="signature"):
    lower = {name.lower(): value for name, value in headers.items()}
    return set(verify(lower, body, [secret], auth, time.time()).seen)


@pytest.mark.parametrize("way", [[], ["--as", "gitlab"]])
def test_trigger_sends_a_token_where_one_is_wanted(daemon, run, way):
    daemon.answers["trigger"] = ACCEPTED

    assert run("trigger", "token", *way).code == 0
    headers = daemon.asked[0][1][2]
    assert proven(headers, b"", TOKEN, "token")


@pytest.mark.parametrize("sender", ["standard", "github", "pictify", "gitlab"])
def test_trigger_sends_no_proof_where_none_is_wanted(daemon, run, sender):
    daemon.answers["trigger"] = ACCEPTED

    assert run("trigger", "open", "--as", sender).code == 0
    assert not [name for name in daemon.asked[0][1][2] if "ignature" in name or "Token" in name]


@pytest.mark.parametrize(
    ("uid", "sender", "hint"),
    [
        ("card", "gitlab", "gitlab sends a token, but 'card' wants a signature"),
        ("token", "github", "github sends a signature, but 'token' wants a token"),
        ("card", "nobody", "'nobody' is not one of"),
    ],
)
def test_a_sender_that_does_not_fit_the_binding_is_a_wrong_command_line(
    daemon, run, uid, sender, hint
):
    ended = run("trigger", uid, "--as", sender)

    assert ended.code == 2
    assert hint in ended.err
    assert daemon.asked == []


def test_trigger_tells_that_a_paused_binding_keeps_it(daemon, run):
    daemon.answers["trigger"] = {**ACCEPTED, "queued": False}

    assert run("trigger", "card").out.startswith("card: accepted and kept, but paused")
    assert json.loads(run("trigger", "card", "--json").out)["queued"] is False


@pytest.mark.parametrize(
    ("uid", "secrets", "said"),
    [
        ("crad", {}, "there is no binding 'crad'; did you mean 'card'?"),
        ("deaf", {}, "'deaf' takes no triggers; give it `webhook: "),
        ("card", {"OLD_SECRET": ""}, "'card' cannot be signed for: ${env:NEW_SECRET} has no value"),
        ("card", {"NEW_SECRET": "whsec_%%%"}, "the secret of 'card' begins with whsec_, but"),
    ],
)
def test_what_keeps_a_trigger_from_being_sent_is_said(  # noqa: PLR0917 - fixtures and cases
    daemon, run, monkeypatch, uid, secrets, said
):
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)

    ended = run("trigger", uid)

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"repaintd: {said}")
    assert "%%%" not in ended.err
    assert daemon.asked == []


def test_trigger_tells_that_the_very_same_message_was_taken_before(daemon, run):
    daemon.answers["trigger"] = {**ACCEPTED, "queued": False, "duplicate": True}

    assert run("trigger", "card", "--as", "pictify") == (
        0,
        "card: the very same message was accepted before; nothing is done again\n",
        "",
    )


def test_a_proof_that_the_daemon_does_not_take_says_what_to_compare(daemon, run):
    daemon.answers["trigger"] = DaemonRefused("This request does not prove itself", 401)

    ended = run("trigger", "card")

    assert ended.code == 1
    assert "the daemon does not accept this from 'card': its secret is another one" in ended.err


def test_a_data_file_that_is_not_there_is_a_wrong_command_line(daemon, run, tmp_path):
    for path in (tmp_path / "nothing.json", tmp_path):
        ended = run("trigger", "card", "--data", str(path))
        assert (ended.code, daemon.asked) == (2, [])
        assert "Invalid value for '--data'" in ended.err
