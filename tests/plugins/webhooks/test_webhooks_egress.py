"""No way from a subscription into the private network or back to the daemon (S1, S2, T12)."""

from __future__ import annotations

import asyncio
import itertools
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from repaintd.core.egress import EgressPolicy
from repaintd.net import OwnListener, open_door
from repaintd.plugin import DeliveryFailed
from repaintd_webhooks.settings import WebhookSettings
from repaintd_webhooks.sink import WebhookSink

# {port} is the canary's; what is a name for the door, the resolver takes for 127.0.0.1.
PRIVATE = [
    "127.0.0.1:{port}",
    "127.1:{port}",
    "2130706433:{port}",
    "0x7f.1:{port}",
    "0177.0.0.1:{port}",
    "127.0.0.1.:{port}",
    "①②⑦.0.0.1:{port}",
    "localhost:{port}",
    "LOCALHOST.:{port}",
    "rebind.test:{port}",
    "0.0.0.0:{port}",
    "0:{port}",
    "[::]:{port}",
    "[::1]:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "[::ffff:7f00:1]:{port}",
    "[64:ff9b::127.0.0.1]:{port}",
    "[2002:7f00:1::]:{port}",
    "[fe80::1%25lo]:{port}",
    "[fd00:ec2::254]",
    "169.254.169.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "user:hunter2@127.0.0.1:{port}",
    "other.test@127.0.0.1:{port}",
    "other.test\\@127.0.0.1:{port}",
]
SCHEMES = ["ftp://hooks.test/", "file:///etc/passwd", "gopher://127.0.0.1/", "//127.0.0.1/", "x"]


class Names(AbstractResolver):
    """Answers with the next address of those that it was given, for every name."""

    def __init__(self, addresses):
        self._addresses = iter(addresses)
        self.asked = 0

    async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
        self.asked += 1
        return [
            ResolveResult(
                hostname=host,
                host=next(self._addresses),
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self):
        pass


@pytest.fixture
async def canary():
    """A port on loopback that counts who comes."""

    class Canary:
        connections = 0

        async def connected(self, reader, writer):
            self.connections += 1
            writer.close()

    canary = Canary()
    server = await asyncio.start_server(canary.connected, "127.0.0.1", 0)
    canary.port = server.sockets[0].getsockname()[1]
    yield canary
    server.close()
    await server.wait_closed()


@pytest.fixture
def refused(secret, make_subscription, make_event):
    """Deliver through a door, be refused, and give the words."""

    async def refuse(door, url):
        policy = WebhookSettings().policy()
        sink = WebhookSink(make_subscription(target_url=url), policy, door, secret)
        with pytest.raises(DeliveryFailed) as caught:
            await sink.deliver(make_event())
        assert caught.value.status is None
        assert "hunter2" not in str(caught.value)
        return str(caught.value)

    return refuse


def door_to(allow=(), answers=itertools.repeat("127.0.0.1"), own=None):  # noqa: B008 - endless
    return open_door(
        EgressPolicy.parse(allow),
        per_host=4,
        limit=20,
        user_agent="repaintd-test",
        resolver=Names(answers),
        own=own,
    )


async def test_bad_input_56_no_spelling_of_a_private_address_is_posted_to(canary, refused):
    async with door_to() as door:
        for spelling in PRIVATE:
            for scheme in ("http", "https"):
                target = spelling.format(port=canary.port)
                await refused(door, f"{scheme}://{target}/in?key=hunter2")
    assert canary.connections == 0


async def test_bad_input_56_nothing_but_http_is_spoken(refused):
    async with door_to(["hooks.test", "127.0.0.1"]) as door:
        for url in SCHEMES:
            assert "begin with http:// or https://" in await refused(door, url)


async def test_bad_input_56_an_address_from_a_secret_is_checked_like_any(canary, refused, secrets):
    secrets["${env:HOOK}"] = f"http://127.0.0.1:{canary.port}/?key=hunter2"
    async with door_to() as door:
        assert "is a loopback address" in await refused(door, "${env:HOOK}")
    assert canary.connections == 0


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1.2.3", "[::1]", "0.0.0.0", "localhost", "me.test", "images.test"]
)
async def test_bad_input_56_the_daemon_is_never_its_own_receiver(canary, refused, host):
    """Not at first and not on a retry, whatever the operator allows."""
    own = OwnListener(f"http://images.test:{canary.port}")
    own.listens("0.0.0.0", canary.port)
    everything = ["127.0.0.0/8", "0.0.0.0/8", "::/0", "localhost", "me.test", "images.test"]
    async with door_to(everything, own=own) as door:
        for _ in range(3):
            words = await refused(door, f"http://{host}:{canary.port}/webhooks/card?key=hunter2")
            assert "the daemon's own listener" in words
    assert canary.connections == 0


async def test_bad_input_34_a_name_that_turns_private_is_refused_at_every_attempt(canary, refused):
    answers = itertools.cycle(["127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0"])
    async with door_to(answers=answers) as door:
        for number in range(500):
            words = await refused(door, f"http://{number % 7}.test:{canary.port}/")
            assert "egress.allow" in words
    assert canary.connections == 0


async def test_bad_input_34_a_listed_name_that_turns_to_the_daemon_is_refused_then(canary, refused):
    own = OwnListener()
    own.listens("127.0.0.1", canary.port)
    answers = itertools.cycle(["127.0.0.1", "127.0.0.2", "0.0.0.0"])
    async with door_to(["hooks.test"], answers=answers, own=own) as door:
        for _ in range(100):
            assert "own listener" in await refused(door, f"http://hooks.test:{canary.port}/")
    assert canary.connections == 0
