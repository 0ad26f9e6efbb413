from __future__ import annotations

import asyncio
import time
from urllib.parse import quote

import pytest

from repaintd.core.egress import EgressPolicy
from repaintd.net import open_door
from repaintd.plugin import Delivered, DeliveryFailed
from repaintd_webhooks.settings import WebhookSettings
from repaintd_webhooks.sink import WebhookSink


@pytest.fixture
async def sink_at(receiver, secret, make_subscription):
    """A sink that posts to a URL on loopback, through a real door."""
    async with open_door(
        EgressPolicy.parse(["127.0.0.1"]), per_host=8, limit=20, user_agent="repaintd-test"
    ) as door:

        def make(url, *, timeout=10, **subscription):
            settings = WebhookSettings.model_validate({"timeout": timeout})
            subscription = make_subscription(target_url=url, **subscription)
            return WebhookSink(subscription, settings.policy(), door, secret)

        yield make


@pytest.fixture
def sink_to(receiver, sink_at):
    """A sink that posts to a path of the receiver in the other process."""
    return lambda path, **options: sink_at(receiver.url(path), **options)


async def told(receiver, path, **document):
    return await asyncio.to_thread(receiver.tell, path, **document)


async def log_of(receiver):
    return await asyncio.to_thread(receiver.log)


async def failure(sink, event):
    with pytest.raises(DeliveryFailed) as caught:
        await sink.deliver(event)
    assert "hunter2" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("reference", ["${env:NEW}", "${env:OLD}"])
async def test_a_stock_library_and_the_contracts_rule_verify_the_same_message(
    receiver, sink_to, make_event, secrets, reference
):
    known = secrets[reference]
    await told(receiver, "/secret", standard=known, pictify=known)
    event = make_event()
    delivered = await sink_to("/verify?key=hunter2", secrets=(reference,)).deliver(event)
    assert delivered == Delivered(status=200)
    (message,) = await log_of(receiver)
    assert message["body"] == event.body
    assert message["headers"]["content-type"] == "application/json"
    assert message["headers"]["user-agent"] == "repaintd-test"
    assert message["headers"]["x-pictify-event"] == "binding.updated"
    assert abs(int(message["headers"]["webhook-timestamp"]) - time.time()) < 60


async def test_a_plain_secret_is_verified_by_the_contracts_rule(
    receiver, sink_to, make_event, secrets
):
    await told(receiver, "/secret", pictify=secrets["${env:PLAIN}"])
    delivered = await sink_to("/verify", secrets=("${env:PLAIN}",)).deliver(make_event())
    assert delivered.status == 200


async def test_a_receiver_with_another_secret_refuses(receiver, sink_to, make_event, secrets):
    for scheme in ("standard", "pictify"):
        await told(receiver, "/secret", **{"standard": "", "pictify": "", scheme: "whsec_AAAA"})
        assert (await failure(sink_to("/verify"), make_event())).status == 401


async def test_secrets_are_rotated_without_one_refusal(receiver, sink_to, make_event, secrets):
    """The receiver knows one secret at a time and changes it in the middle of the overlap."""
    old, new = "${env:OLD}", "${env:NEW}"
    before, overlap, after = (
        sink_to("/verify", secrets=used) for used in ((old,), (new, old), (new,))
    )

    async def deliver(sink, first, count):
        events = [make_event(id=f"evt_{first + number}") for number in range(count)]
        results = await asyncio.gather(*(sink.deliver(event) for event in events))
        assert {result.status for result in results} == {200}

    await told(receiver, "/secret", standard=secrets[old])
    await deliver(before, 0, 250)
    await deliver(overlap, 250, 250)
    await told(receiver, "/secret", standard=secrets[new])
    await deliver(overlap, 500, 250)
    await deliver(after, 750, 250)
    assert len({message["headers"]["webhook-id"] for message in await log_of(receiver)}) == 1000
    await told(receiver, "/secret", standard=secrets[old])
    assert (await failure(after, make_event())).status == 401


async def test_a_retry_has_the_same_id_and_bytes_and_a_good_signature(
    receiver, sink_to, make_event, secrets
):
    sink, event = sink_to("/answer?status=503&ok_from=3&after=120"), make_event()
    for _ in range(2):
        failed = await failure(sink, event)
        assert (failed.status, failed.retry_after) == (503, 120.0)
    assert await sink.deliver(event) == Delivered(status=204)
    messages = await log_of(receiver)
    for name in ("webhook-id", "x-pictify-delivery-id", "x-pictify-event"):
        assert len({message["headers"][name] for message in messages}) == 1
    assert [message["body"] for message in messages] == [event.body] * 3


async def test_410_and_500_are_told_apart(sink_to, make_event):
    assert (await failure(sink_to("/answer?status=410"), make_event())).gone
    assert not (await failure(sink_to("/answer?status=500"), make_event())).gone


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_not_even_to_itself(receiver, sink_to, make_event, status):
    places = [receiver.url("/redirect"), f"http://127.0.0.1:{receiver.canary}/", "/verify", "//["]
    for place in places:
        sink = sink_to(f"/redirect?status={status}&to={quote(place, safe='')}&key=hunter2")
        failed = await failure(sink, make_event())
        assert failed.status == status
        assert "redirects are not followed" in str(failed)
    assert [message["path"] for message in await log_of(receiver)] == ["/redirect"] * len(places)
    assert await asyncio.to_thread(receiver.canary_connections) == 0


@pytest.mark.parametrize("path", ["/endless", "/raw/reset", "/raw/no-gzip"])
async def test_whatever_body_follows_a_200_it_arrived(sink_to, make_event, path):
    assert await sink_to(path).deliver(make_event()) == Delivered(status=200)


async def test_a_body_that_drips_is_not_waited_for(sink_to, make_event):
    # the attempt may take 60 s, the test at most that; only the second of patience is spent
    assert await sink_to("/drip", timeout=60).deliver(make_event()) == Delivered(status=200)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("truncated-head", "the connection"),
        ("interim", "not valid HTTP"),
        ("switch", "switched protocols unasked"),
        ("not-http", "not valid HTTP"),
        ("huge-head", "not valid HTTP"),
        ("nothing", "the connection"),
    ],
)
async def test_what_is_no_answer_is_a_failure(sink_to, make_event, name, words):
    failed = await failure(sink_to(f"/raw/{name}?key=hunter2"), make_event())
    assert failed.status is None
    assert words in str(failed)


async def test_a_receiver_that_stalls_is_given_up_at_the_time_limit(receiver, sink_to, make_event):
    failed = await failure(sink_to("/stall", timeout=1), make_event())
    assert str(failed) == f"http://127.0.0.1:{receiver.port}: no whole answer within 1 s"
    assert (failed.status, failed.retry_after) == (None, None)


async def test_a_receiver_that_is_down_is_a_failure(sink_at, make_event):
    closed = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = closed.sockets[0].getsockname()[1]
    closed.close()
    await closed.wait_closed()
    failed = await failure(sink_at(f"http://127.0.0.1:{port}/?key=hunter2"), make_event())
    assert str(failed) == f"http://127.0.0.1:{port}: cannot connect: Connection refused"


async def test_deliveries_in_a_row_share_one_connection(receiver, sink_to, make_event):
    sink = sink_to("/verify")
    for number in range(20):
        await sink.deliver(make_event(id=f"evt_{number}"))
    messages = await log_of(receiver)
    assert (len(messages), len({message["port"] for message in messages})) == (20, 1)
