from __future__ import annotations

import itertools
import socket

import pytest

from repaintd.core.egress import EgressPolicy
from repaintd.errors import HttpFailed
from repaintd.net.guard import EgressRefused, Guard, GuardedResolver, guarded_sockets
from repaintd.plugin import HttpRequest


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["0.0.0.0"],
        ["100.64.0.1"],
        ["169.254.169.254"],
        ["fd00::1"],
        ["fe80::1%2"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::1"],
        ["1.1.1.1", "127.0.0.1"],
        ["127.0.0.1", "1.1.1.1"],
        ["2606:4700:4700::1111", "1.1.1.1", "10.0.0.1"],
        ["no address"],
    ],
)
async def test_bad_input_34_any_private_address_in_the_answer_condemns_the_name(
    open_with, stub_resolver, connects_of, answer, scheme
):
    door = await open_with([], resolver=stub_resolver(answer))
    with connects_of() as connects, pytest.raises(HttpFailed) as caught:
        await door.request(HttpRequest(url=f"{scheme}://evil.test/?key=hunter2"))
    assert caught.value.reason == "egress_denied"
    assert "the host resolves to " in str(caught.value)
    assert f'list "evil.test:{443 if scheme == "https" else 80}"' in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert connects == []


async def test_bad_input_34_rebinding_reaches_nothing_in_a_thousand_tries(
    serve, open_with, stub_resolver, connects_of
):
    """Public first, private next, with no caching: the checked address is the connected one."""
    canary = await serve()
    answers = itertools.cycle(["127.0.0.1", "192.0.2.1", "0.0.0.0"])
    resolver = stub_resolver(lambda host: next(answers))
    door = await open_with([], resolver=resolver)
    with connects_of() as connects:
        for number in range(1000):
            with pytest.raises(HttpFailed) as caught:
                await door.request(HttpRequest(url=f"http://{number}.evil.test:{canary.port}/"))
            assert caught.value.reason == "egress_denied"
    assert (connects, canary.connections, len(resolver.asked)) == ([], 0, 1000)


async def test_bad_input_34_an_answer_that_turns_after_the_check_is_stopped_at_the_socket(
    serve, open_with, stub_resolver, connects_of, monkeypatch
):
    """Even if the resolver's check were passed, the socket's own check holds."""
    canary = await serve()

    async def unchecked(self, host, port=0, family=socket.AF_UNSPEC):
        return await self._inner.resolve(host, port, family)

    monkeypatch.setattr(GuardedResolver, "resolve", unchecked)
    for answer in (["127.0.0.1"], ["127.0.0.1", "::1", "10.0.0.1"], ["::ffff:127.0.0.1"]):
        door = await open_with([], resolver=stub_resolver(answer))
        with connects_of() as connects, pytest.raises(HttpFailed) as caught:
            await door.request(HttpRequest(url=f"http://evil.test:{canary.port}/"))
        assert caught.value.reason in ("egress_denied", "network")
        assert (connects, canary.connections) == ([], 0)


async def test_a_name_is_resolved_once_per_connection(serve, open_with, stub_resolver, response):
    server = await serve(response(b"{}"))
    resolver = stub_resolver("127.0.0.1")
    door = await open_with(["db.test"], resolver=resolver)
    for _ in range(3):
        await door.request(HttpRequest(url=f"http://db.test:{server.port}/"))
    assert resolver.asked == ["db.test"]


@pytest.fixture
async def listed_server(serve, open_with, stub_resolver, response):
    """A server on loopback, and doors that every name leads to it through."""

    async def open_listed(allow):
        return await open_with([allow], resolver=stub_resolver("127.0.0.1"))

    return await serve(response(b"{}")), open_listed


@pytest.mark.parametrize(
    ("allow", "url", "allowed"),
    [
        ("127.0.0.1", "http://127.0.0.1:{port}/", True),
        ("127.0.0.1:{port}", "http://127.0.0.1:{port}/", True),
        ("127.0.0.1:1", "http://127.0.0.1:{port}/", False),
        ("127.0.0.0/8", "http://127.0.0.1:{port}/", True),
        ("127.0.0.0/8", "http://db.test:{port}/", True),
        ("127.0.0.1:{port}", "http://db.test:{port}/", True),
        ("db.test", "http://db.test:{port}/", True),
        ("db.test", "http://DB.test.:{port}/", True),
        ("db.test:{port}", "http://db.test:{port}/", True),
        ("db.test:1", "http://db.test:{port}/", False),
        ("db.test", "http://other.test:{port}/", False),
        ("db.test", "http://127.0.0.1:{port}/", False),
        ("10.0.0.0/8", "http://db.test:{port}/", False),
    ],
)
async def test_what_the_operator_lists_is_reached_and_nothing_else(
    listed_server, allow, url, allowed
):
    server, open_listed = listed_server
    door = await open_listed(allow.format(port=server.port))
    request = HttpRequest(url=url.format(port=server.port))
    if allowed:
        assert (await door.request(request)).status == 200
    else:
        with pytest.raises(HttpFailed) as caught:
            await door.request(request)
        assert caught.value.reason == "egress_denied"
    assert server.connections == int(allowed)


async def test_a_refusal_says_what_to_do(open_with):
    door = await open_with([])
    with pytest.raises(HttpFailed) as caught:
        await door.request(HttpRequest(url="http://127.0.0.1:8080/status.json?key=hunter2"))
    assert str(caught.value) == (
        "http://127.0.0.1:8080: the host is a loopback address; if that is meant, "
        'list "127.0.0.1:8080" under egress.allow in repaintd.yaml'
    )


async def test_the_real_resolver_is_held_to_the_policy_too(open_with, connects_of):
    door = await open_with([])
    with connects_of() as connects, pytest.raises(HttpFailed) as caught:
        await door.request(HttpRequest(url="http://localhost:1/"))
    assert (caught.value.reason, connects) == ("egress_denied", [])


def test_no_socket_is_made_for_a_forbidden_address():
    create = guarded_sockets(Guard(EgressPolicy()))
    for family, address in (
        (socket.AF_INET, ("127.0.0.1", 80)),
        (socket.AF_INET, ("localhost", 80)),
        (socket.AF_INET6, ("::1", 80, 0, 0)),
        (socket.AF_INET6, ("::ffff:127.0.0.1", 80, 0, 0)),
    ):
        with pytest.raises(EgressRefused):
            create((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address))


def test_a_socket_is_made_for_a_public_address():
    create = guarded_sockets(Guard(EgressPolicy()))
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("1.1.1.1", 80))
    with create(info) as made:
        assert made.family == socket.AF_INET
