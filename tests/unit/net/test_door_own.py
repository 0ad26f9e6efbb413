from __future__ import annotations

import itertools

import pytest

from repaintd.errors import HttpFailed
from repaintd.net import OwnListener
from repaintd.net.guard import GuardedResolver
from repaintd.plugin import HttpRequest

EVERYTHING = ["127.0.0.0/8", "0.0.0.0/8", "::/0", "localhost", "me.test", "a.test", "b.test"]


@pytest.fixture
async def home(serve, open_with, stub_resolver):
    """The daemon's own listener, and doors whose policy allows everything on this machine."""

    class Home:
        def __init__(self, server):
            self.server = server
            self.own = OwnListener("https://images.test")
            self.own.listens("127.0.0.1", server.port)

        async def door(self, answer="127.0.0.1", allow=EVERYTHING):
            return await open_with(allow, resolver=stub_resolver(answer), own=self.own)

    return Home(await serve())


async def refused(door, url):
    with pytest.raises(HttpFailed) as caught:
        await door.request(HttpRequest(url=url, method="POST", body=b"{}"))
    assert caught.value.reason == "egress_denied"
    return str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "localhost",
        "me.test",
        "ME.test.",
        "unlisted.test",
    ],
)
async def test_the_own_listener_is_out_of_reach_whatever_the_policy_allows(home, connects_of, host):
    door = await home.door()
    with connects_of() as connects:
        message = await refused(door, f"http://{host}:{home.server.port}/webhooks/x?key=hunter2")
    assert "the daemon's own listener" in message
    assert "hunter2" not in message
    assert "egress.allow" not in message
    assert (connects, home.server.connections) == ([], 0)


async def test_the_refusal_says_what_is_there(home):
    door = await home.door()
    assert await refused(door, f"http://127.0.0.1:{home.server.port}/x") == (
        f"http://127.0.0.1:{home.server.port}: the host is the daemon's own listener; "
        "nothing is sent there: give the address of another program"
    )
    message = await refused(door, f"http://me.test:{home.server.port}/x")
    assert "the host resolves to the daemon's own listener" in message


async def test_the_public_url_is_out_of_reach_without_a_look_up(
    home, open_with, stub_resolver, connects_of
):
    resolver = stub_resolver("192.0.2.1")
    door = await open_with(["images.test"], resolver=resolver, own=home.own)
    with connects_of() as connects:
        await refused(door, "https://images.test/webhooks/x")
    assert (connects, resolver.asked) == ([], [])


async def test_other_programs_on_this_machine_are_within_reach(home, serve, response):
    other = await serve(response(b"{}"))
    door = await home.door()
    for host in ("127.0.0.1", "me.test"):
        answer = await door.request(HttpRequest(url=f"http://{host}:{other.port}/"))
        assert answer.status == 200


async def test_one_own_address_in_the_answer_condemns_a_listed_name(home, connects_of):
    door = await home.door(["192.0.2.1", "127.0.0.1"])
    with connects_of() as connects:
        await refused(door, f"http://me.test:{home.server.port}/")
    assert connects == []


async def test_bad_input_34_a_listed_name_that_turns_to_us_later_is_refused_then(
    home, serve, response, connects_of
):
    """Elsewhere at first, at home from then on; the two doors share what is answered."""
    elsewhere = await serve(response(b"{}"), host="127.0.0.2", port=home.server.port)
    # bound to 127.0.0.1 alone we are not at 127.0.0.2, whatever the rule for loopback says
    home.own._bound.clear()
    home.own._ports.clear()
    answers = itertools.chain(["127.0.0.2"], itertools.repeat("127.0.0.1"))
    first = await home.door(lambda host: next(answers))
    url = f"http://a.test:{home.server.port}/"
    assert (await first.request(HttpRequest(url=url))).status == 200
    home.own.listens("127.0.0.1", home.server.port)
    with connects_of() as connects:
        for number in range(200):
            name = "b.test" if number % 2 else "unlisted.test"
            await refused(first, f"http://{name}:{home.server.port}/")
    assert (connects, elsewhere.connections, home.server.connections) == ([], 1, 0)


async def test_an_answer_that_turns_after_the_check_is_stopped_at_the_socket(
    home, connects_of, monkeypatch
):
    async def unchecked(self, host, port=0, family=0):
        return await self._inner.resolve(host, port, family)

    monkeypatch.setattr(GuardedResolver, "resolve", unchecked)
    for name in ("me.test", "unlisted.test"):
        door = await home.door()
        with connects_of() as connects:
            await refused(door, f"http://{name}:{home.server.port}/")
        assert (connects, home.server.connections) == ([], 0)


async def test_no_redirect_leads_to_the_own_listener(home, serve, connects_of):
    location = f"http://me.test:{home.server.port}/"
    head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    other = await serve(head.encode())
    door = await home.door()
    message = await refused(door, f"http://a.test:{other.port}/")
    assert message.endswith("own listener; such redirects are not followed")
    assert home.server.connections == 0
