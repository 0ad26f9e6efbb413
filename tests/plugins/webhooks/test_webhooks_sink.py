from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json

import pytest

from repaintd.plugin import Delivered, DeliveryFailed, HttpFailed, delivery_id

AT = 1_800_000_000


def contract_signature(secret, body, at=AT):
    """Contract E.3, written out."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"


def standard_signature(secret, event, at=AT):
    """Standard Webhooks 1.0, written out."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{event.id}.{at}.".encode() + event.body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mac).decode()}"


async def failure(sent, event):
    with pytest.raises(DeliveryFailed) as caught:
        await sent.sink.deliver(event)
    assert "hunter2" not in str(caught.value)
    return caught.value


async def test_a_message_is_the_events_bytes_with_both_kinds_of_headers(
    make_sink, make_event, secrets
):
    sent, event = make_sink(), make_event()
    assert await sent.sink.deliver(event) == Delivered(status=200)
    (request,) = sent.requests
    assert (request.method, request.body) == ("POST", event.body)
    assert request.url == "https://hooks.test/in?key=hunter2"
    assert dict(request.headers) == {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "X-Pictify-Event": "binding.updated",
        "X-Pictify-Delivery-Id": delivery_id("webhooks/ops", "evt_0001"),
        "X-Pictify-Signature": contract_signature(secrets["${env:NEW}"], event.body),
        "webhook-id": "evt_0001",
        "webhook-timestamp": str(AT),
        "webhook-signature": standard_signature(secrets["${env:NEW}"], event),
    }
    assert (request.timeout, request.max_redirects) == (15.0, 0)
    assert (request.glimpse, request.max_bytes) == (True, 16 * 1024)


async def test_every_attempt_is_signed_anew_and_all_else_stays(make_sink, make_event):
    clock = itertools.count(AT, 60)
    sent, event = make_sink(503, at=lambda: next(clock)), make_event()
    for _ in range(2):
        await failure(sent, event)
    first, second = sent.requests
    assert first.body is second.body is event.body
    fresh = {"X-Pictify-Signature", "webhook-timestamp", "webhook-signature"}
    for name, value in first.headers.items():
        assert (second.headers[name] == value) is (name not in fresh), name


async def test_all_secrets_sign_and_the_newest_comes_first(make_sink, make_event, secrets):
    references = ("${env:NEW}", "${env:OLD}")
    sent, event = make_sink(secrets=references), make_event()
    await sent.sink.deliver(event)
    headers = sent.requests[0].headers
    new, old = (secrets[each] for each in references)
    assert headers["X-Pictify-Signature"] == contract_signature(new, event.body)
    both = f"{standard_signature(new, event)} {standard_signature(old, event)}"
    assert headers["webhook-signature"] == both


async def test_secrets_are_looked_up_at_each_attempt(make_sink, make_event, secrets):
    sent, event = make_sink(), make_event()
    await sent.sink.deliver(event)
    secrets["${env:NEW}"] = secrets["${env:OLD}"]
    await sent.sink.deliver(event)
    expected = contract_signature(secrets["${env:OLD}"], event.body)
    assert sent.requests[1].headers["X-Pictify-Signature"] == expected


async def test_a_secret_without_a_value_fails_the_attempt_and_is_named(make_sink, make_event):
    for definition in (
        {"secrets": ("${env:NEW}", "${env:NONE}")},
        {"target_url": "https://hooks.test/${env:NONE}"},
    ):
        sent = make_sink(**definition)
        failed = await failure(sent, make_event())
        assert str(failed) == "${env:NONE} has no value: the variable is not set"
        assert (failed.status, sent.requests) == (None, [])


async def test_a_secret_that_cannot_sign_fails_the_attempt_and_is_not_shown(make_sink, make_event):
    sent = make_sink(secrets=("${env:NEW}", "${env:BAD}"))
    failed = await failure(sent, make_event())
    assert str(failed).startswith("the message cannot be signed: secret 2 of 2 begins with whsec_")
    assert sent.requests == []


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226, 299])
async def test_2xx_means_that_it_arrived(make_sink, make_event, status):
    assert await make_sink(status).sink.deliver(make_event()) == Delivered(status=status)


@pytest.mark.parametrize("status", [300, 304, 400, 401, 404, 409, 429, 500, 502, 503, 599, 999])
async def test_any_other_status_is_a_failure(make_sink, make_event, status):
    failed = await failure(make_sink(status), make_event())
    assert str(failed).startswith(f"https://hooks.test answered {status}")
    assert (failed.status, failed.retry_after, failed.gone) == (status, None, False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_failures_that_say_what_to_do(make_sink, make_event, status):
    sent = make_sink(status, {"Location": "https://hooks.test/new?key=hunter2"})
    failed = await failure(sent, make_event())
    assert str(failed) == (
        f"https://hooks.test answered {status}; redirects are not followed: "
        "give the final address as targetUrl"
    )
    assert (failed.status, len(sent.requests)) == (status, 1)


async def test_410_means_never_again(make_sink, make_event):
    failed = await failure(make_sink(410), make_event())
    assert (failed.status, failed.gone) == (410, True)
    assert "wants no more messages" in str(failed)


@pytest.mark.parametrize("status", [301, 429, 500, 503])
@pytest.mark.parametrize(
    ("wish", "expected"),
    [("120", 120.0), ("Fri, 15 Jan 2027 08:02:00 GMT", 119.1), ("99999999", 86400.0), ("x", None)],
)
async def test_the_wish_for_a_pause_is_handed_on(make_sink, make_event, status, wish, expected):
    failed = await failure(make_sink(status, {"Retry-After": wish}), make_event())
    assert failed.retry_after == (expected if expected is None else pytest.approx(expected))


async def test_no_answer_is_a_failure_without_a_status(make_sink, make_event):
    trouble = HttpFailed("https://hooks.test:443: no whole answer within 15 s", reason="timeout")
    failed = await failure(make_sink(lambda request: trouble), make_event())
    assert (str(failed), failed.status, failed.gone) == (str(trouble), None, False)


@pytest.mark.parametrize(
    ("subscribed", "event", "expected"),
    [
        ({}, {}, True),
        ({}, {"name": "binding.failed"}, False),
        ({"events": ("binding.failed", "binding.updated")}, {}, True),
        ({"events": ("binding.*",)}, {"name": "binding.failed"}, True),
        ({"events": ("binding.*",)}, {"name": "webhook.disabled", "uid": ""}, False),
        ({"events": ("*",)}, {"name": "webhook.disabled", "uid": ""}, True),
        ({"binding_id": "card"}, {}, True),
        ({"binding_id": "other"}, {}, False),
        ({"binding_id": "card", "events": ("*",)}, {"name": "webhook.disabled", "uid": ""}, False),
        ({"template_id": "plain"}, {}, True),
        ({"template_id": "other"}, {}, False),
        ({"template_id": "plain", "binding_id": "card"}, {}, True),
        ({"template_id": "plain", "binding_id": "other"}, {}, False),
        ({"template_id": "other", "binding_id": "card"}, {}, False),
        ({"template_id": "plain"}, {"data": {"bindingId": "card"}}, False),
        ({"template_id": "plain"}, {"data": {"templateId": None}}, False),
        ({"template_id": "plain"}, {"data": {"templateId": ["plain"]}}, False),
    ],
)
def test_what_is_subscribed_to_and_passes_all_filters_is_wanted(
    make_sink, make_event, subscribed, event, expected
):
    assert make_sink(**subscribed).sink.wants(make_event(**event)) is expected


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'{"data": []}', b'{"data": 1}', b"\xff", b"[" * 100_000]
)
def test_a_filter_never_fails(make_sink, make_event, body):
    assert make_sink(template_id="plain").sink.wants(make_event(body=body)) is False


def test_only_a_filter_by_template_looks_into_the_body(make_sink, make_event, monkeypatch):
    monkeypatch.setattr(json, "loads", lambda text: pytest.fail("was parsed"))
    event = make_event()
    assert make_sink(binding_id="card").sink.wants(event)
    assert not make_sink(template_id="plain", binding_id="other").sink.wants(event)


def test_a_paused_subscription_is_held(make_sink):
    assert make_sink(status="paused").sink.held
    assert not make_sink().sink.held


def test_the_policy_is_what_the_settings_say(make_sink):
    policy = make_sink(settings={"retries": ["1s", "2s"], "timeout": 3}).sink.policy
    assert (policy.retries, policy.jitter, policy.timeout) == ((1.0, 2.0), 0.2, 3.0)


@pytest.mark.parametrize(
    "change",
    [
        {"events": ("binding.failed",)},
        {"target_url": "https://hooks.test/other"},
        {"template_id": "plain"},
        {"binding_id": "plain"},
        {"secrets": ("${env:OLD}",)},
        {"secrets": ("${env:NEW}", "${env:OLD}")},
        {"status": "paused"},
    ],
)
def test_the_fingerprint_follows_the_definition(make_sink, change):
    before, after = make_sink().sink.fingerprint, make_sink(**change).sink.fingerprint
    assert before != after
    assert before == make_sink().sink.fingerprint
    assert after == make_sink(**change).sink.fingerprint


def test_the_fingerprint_knows_one_filter_from_the_other_and_shows_no_secret(make_sink):
    one = make_sink(template_id="card").sink.fingerprint
    other = make_sink(binding_id="card").sink.fingerprint
    assert one != other
    literal = make_sink(secrets=("hunter2",)).sink.fingerprint
    assert len(literal) == 32
    assert "hunter2" not in literal
