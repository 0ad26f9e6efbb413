"""Inbound triggers: W1, W2, W4 of the reliability promises, and their bad inputs."""

from __future__ import annotations

import hashlib
import hmac

import orjson
import pytest
from structlog.testing import capture_logs

from repaintd.config.sources import WebhookSpec
from repaintd.core.binding import SourceConfig
from repaintd.core.inbound import InboundWebhook
from repaintd.core.state import Trigger
from repaintd.errors import DocumentRefused, RepaintdError, StoreUnavailable
from repaintd.web import webhooks

NOW = 1_800_000_000
PROBLEM = "application/problem+json"
SECRET = b"topsecret"
BODY = b'{"event":"data.updated","payload":{"stars":7}}'
SIGNED = InboundWebhook(secrets=("one",))
MEBIBYTE = 1024 * 1024


@pytest.fixture
def impatient(monkeypatch):
    """Unwanted bodies are not swallowed for long."""
    monkeypatch.setattr("repaintd.web.listener._LINGER", 0.1)


def mac(body=BODY, secret=SECRET, algorithm="sha256"):
    return hmac.new(secret, body, algorithm).hexdigest()


def signed(body=BODY, **headers):
    return {"X-Hub-Signature-256": f"sha256={mac(body)}", **headers}


def pushed(**spec):
    return SourceConfig(type="webhook", spec=WebhookSpec(**spec), fingerprint="f")


def hook(house, uid="card", webhook=SIGNED, **changes):
    return house.add(uid, webhook=webhook, **changes)


async def send(client, body=BODY, headers=None, path="/webhooks/card"):
    headers = signed(body) if headers is None else headers
    async with client.post(path, data=body, headers=headers) as response:
        return response.status, orjson.loads(await response.read()), response.headers


@pytest.mark.parametrize("path", ["/webhooks/card", "/v1/webhooks/card", "/webhooks/c%61rd"])
async def test_a_trigger_that_proves_itself_is_answered_202_when_it_is_durable(house, client, path):
    hook(house)

    status, document, headers = await send(client, path=path)

    assert status == 202
    expected = {"received": True, "queued": True, "bindingId": "card", "refreshId": "ref_1"}
    assert document == expected
    assert headers["Cache-Control"] == "no-store"
    assert house.intake.taken == [("card", Trigger.WEBHOOK, None)]


async def test_the_body_of_an_http_source_s_trigger_need_not_be_anything(house, client):
    hook(house)

    for body in (b"", b"no json", b"\xff\x00"):
        status, _, _ = await send(client, body)
        assert status == 202

    assert [push for _, _, push in house.intake.taken] == [None, None, None]


async def test_a_webhook_source_s_payload_becomes_data_as_the_source_says(house, client):
    hook(house, source=pushed(merge="deepMerge"))
    house.changes["max_document_bytes"] = 1

    await send(client)

    ((_, _, push),) = house.intake.taken
    assert orjson.loads(push.payload) == {"stars": 7}
    assert push.merge == "deepMerge"
    assert push.max_bytes == 5 * MEBIBYTE  # of the surface as it was when the house opened


async def test_a_webhook_source_s_trigger_without_a_body_brings_no_data(house, client):
    hook(house, source=pushed())

    status, _, _ = await send(client, b"")

    assert status == 202
    assert house.intake.taken == [("card", Trigger.WEBHOOK, None)]


async def test_a_paused_binding_takes_the_trigger_and_queues_nothing(house, client):
    hook(house, paused=True)

    status, document, _ = await send(client)

    assert status == 202
    assert (document["received"], document["queued"]) == (True, False)


async def test_a_ping_is_answered_and_nothing_happens(house, client):
    hook(house)

    status, document, _ = await send(client, headers=signed(**{"X-GitHub-Event": "ping"}))

    assert status == 202
    assert document == {
        "received": True,
        "queued": False,
        "bindingId": "card",
        "refreshId": None,
    }
    assert house.intake.taken == []


async def test_a_ping_that_does_not_prove_itself_is_refused_like_anything(house, client):
    hook(house)

    status, _, _ = await send(client, headers={"X-GitHub-Event": "ping"})

    assert status == 401


async def test_a_shared_token_will_do_where_the_binding_says_so(house, client):
    hook(house, webhook=InboundWebhook(auth="token", secrets=("one",)))

    assert (await send(client, headers={"X-Gitlab-Token": "topsecret"}))[0] == 202
    assert (await send(client, headers={"X-Gitlab-Token": "topsecre"}))[0] == 401
    assert (await send(client, headers={}, path="/webhooks/card?token=topsecret"))[0] == 401


async def test_anybody_may_trigger_where_the_binding_says_so(house, client):
    hook(house, webhook=InboundWebhook(auth="none"))

    assert (await send(client, headers={}))[0] == 202


async def test_while_secrets_are_changed_either_will_do_even_if_one_has_no_value(house, client):
    hook(house, webhook=InboundWebhook(secrets=("new", "one")))

    assert (await send(client))[0] == 202

    house.secrets.values["new"] = "newer"
    house.clock.time += 1
    headers = {"X-Webhook-Signature": f"sha256={mac(secret=b'newer')}"}
    assert (await send(client, headers=headers))[0] == 202
    assert (await send(client))[0] == 202


UNPROVEN_38 = {
    "no signature": {},
    "wrong": {"X-Hub-Signature-256": "sha256=" + "0" * 64},
    "wrong prefix": {"X-Hub-Signature-256": f"sha1={mac()}"},
    "no prefix": {"X-Hub-Signature-256": mac()},
    "sha1": {"X-Hub-Signature": f"sha1={mac(algorithm=hashlib.sha1)}"},
    "upper case": {"X-Hub-Signature-256": f"sha256={mac().upper()}"},
    "whitespace": {"X-Hub-Signature-256": f"sha256= {mac()}"},
    "twice": [("X-Hub-Signature-256", f"sha256={mac()}")] * 2,
}


@pytest.mark.parametrize("headers", UNPROVEN_38.values(), ids=UNPROVEN_38)
async def test_bad_input_38_what_is_not_signed_rightly_is_a_401(house, client, headers):
    hook(house)

    status, document, answer = await send(client, headers=headers)

    assert (status, document["code"]) == (401, "unauthorized")
    assert "WWW-Authenticate" in answer
    assert house.intake.taken == []


def without_names(body):
    document = orjson.loads(body)
    del document["requestId"], document["instance"]
    return orjson.dumps(document)


async def test_bad_input_38_strangers_learn_nothing_about_which_hooks_there_are(house, client):
    hook(house)
    house.add("closed")
    hook(house, "forgetful", webhook=InboundWebhook(secrets=("gone",)))
    hook(house, "speechless", webhook=InboundWebhook())
    answers = set()

    for uid in ("card", "closed", "forgetful", "speechless", "nobody"):
        for path in (f"/webhooks/{uid}", f"/v1/webhooks/{uid}"):
            headers = {"X-Hub-Signature-256": "sha256=" + "0" * 64}
            async with client.post(path, data=BODY, headers=headers) as response:
                body = without_names(await response.read())
                names = tuple(name for name in response.headers if name != "Content-Length")
                answers.add((response.status, body, names))

    assert len(answers) == 1


async def test_a_binding_that_goes_at_this_very_moment_was_never_there(house, client):
    hook(house)
    house.intake.gone = True

    assert (await send(client))[0] == 401


async def test_who_was_refused_and_why_is_logged_without_secrets_and_bodies(house, client):
    hook(house)
    hook(house, "forgetful", webhook=InboundWebhook(secrets=("gone",)))

    with capture_logs() as logs:
        await send(client, headers={"X-Hub-Signature-256": "sha256=s3cret"})
        await send(client, path="/webhooks/forgetful")

    assert logs.pop(1)["event"] == "a secret of inbound webhooks cannot be used"
    assert [(entry["log_level"], entry["reason"], entry["binding"]) for entry in logs] == [
        ("debug", "bad_signature", "card"),
        ("debug", "no_secret", "forgetful"),
    ]
    assert not any(word in str(logs) for word in ("s3cret", "topsecret", "stars"))


async def test_who_was_refused_is_counted_by_reason(impatient, house, client, monkeypatch):
    hook(house, source=pushed())
    counted = []
    monkeypatch.setattr(house.metrics, "count_rejected", counted.append)

    await send(client, headers={}, path="/webhooks/nobody")
    await send(client, b"{")
    await send(client, headers=signed(**{"Content-Encoding": "gzip"}))
    await send(client, headers=signed(**{"webhook-id": "a.b"}))
    await house.say(b"POST /webhooks/card HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n")
    house.intake.fault = StoreUnavailable("full")
    await send(client)

    assert counted == [
        "no_signature",
        "malformed",
        "encoding",
        "malformed_id",
        "too_large",
        "busy",
    ]


async def test_bad_input_39_the_mac_is_over_the_raw_bytes(house, client):
    hook(house)

    status, _, _ = await send(client, orjson.dumps(orjson.loads(BODY)) + b"\n", signed(BODY))

    assert status == 401


def standard(*signatures, message_id="msg_1", at=NOW):
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signatures),
    }


def v1(body=BODY, message_id="msg_1", at=NOW):
    import base64

    message = f"{message_id}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(SECRET, message, "sha256")).decode()


async def test_bad_input_40_one_valid_signature_of_several_will_do(house, client):
    hook(house)

    assert (await send(client, headers=standard("v1,AAAA", v1())))[0] == 202


async def test_bad_input_41_signatures_without_end_are_a_401(house, client):
    hook(house)
    many = standard(*(["v1,AAAA"] * 900), v1())

    assert (await send(client, headers=many))[0] == 401


@pytest.mark.parametrize("at", [NOW - 301, NOW + 301, "NaN", 10**18, -5, ""])
async def test_bad_input_42_a_time_that_is_not_now_is_a_401(house, client, at):
    hook(house)

    assert (await send(client, headers=standard(v1(at=at), at=at)))[0] == 401


@pytest.mark.parametrize("message_id", ["a.b", "x" * 7000, ""])
async def test_bad_input_43_a_malformed_id_is_a_400(house, client, message_id):
    hook(house)

    for path in ("/webhooks/card", "/webhooks/nobody"):
        headers = standard(v1(message_id=message_id), message_id=message_id)
        status, document, _ = await send(client, headers=headers, path=path)
        assert (status, document["code"]) == (400, "bad_request")


async def test_bad_input_44_a_replay_is_a_200_and_runs_nothing(house, client):
    hook(house)
    await send(client, headers=standard(v1()))

    status, document, _ = await send(client, headers=standard(v1()))

    assert status == 200
    assert document == {
        "received": True,
        "duplicate": True,
        "queued": False,
        "bindingId": "card",
        "refreshId": "ref_1",
    }
    assert len(house.intake.taken) == 1


async def test_bad_input_44_a_replay_to_another_hook_is_a_401(house, client):
    hook(house)
    house.secrets.values["two"] = "another"
    hook(house, "other", webhook=InboundWebhook(secrets=("two",)))

    assert (await send(client, headers=standard(v1()), path="/webhooks/other"))[0] == 401


async def test_a_document_that_would_be_too_large_is_a_413(house, client):
    hook(house, source=pushed())
    house.intake.fault = DocumentRefused("The document would be larger than 5 MiB.")

    status, document, _ = await send(client)

    assert (status, document["detail"]) == (413, "The document would be larger than 5 MiB.")


class Busy(RepaintdError):
    retry_after = 1


@pytest.mark.parametrize("fault", [StoreUnavailable("/var/lib/x: disk full"), Busy("full")])
async def test_a_sender_is_told_to_come_back_when_nothing_can_be_written(house, client, fault):
    hook(house)
    house.intake.fault = fault

    for path in ("/webhooks/card", "/v1/webhooks/card"):
        status, document, headers = await send(client, path=path)
        assert (status, headers["Retry-After"], document["retryAfter"]) == (503, "1", 1)
        assert "disk" not in str(document)


async def test_a_sender_never_waits_for_ever(house):
    hook(house)
    house.intake.hangs = True
    async with house.client() as client:
        house.app[webhooks.WEBHOOKS]._deadline = 0.05
        status, _, headers = await send(client)

    assert (status, headers["Retry-After"]) == (503, "1")


async def test_a_daemon_that_is_not_ready_for_triggers_says_so(house):
    hook(house)
    house.changes["intake"] = None
    async with house.client() as client:
        assert (await send(client))[0] == 503


async def test_a_daemon_without_secrets_lets_nobody_in(house):
    hook(house)
    house.changes["secret"] = None
    async with house.client() as client:
        assert (await send(client))[0] == 401


async def test_a_bug_in_the_intake_is_a_500(house, client):
    hook(house)
    house.intake.fault = ValueError("bug")

    with capture_logs() as logs:
        assert (await send(client))[0] == 500

    assert logs[0]["route"].startswith("/webhooks/")
