from __future__ import annotations

import socket

import pytest

from repaintd.errors import HttpFailed
from repaintd.plugin import HttpRequest

# {port} is the canary's. The stub resolver answers what inet_aton would make of odd spellings,
# and 127.0.0.1 for every other name: what reaches it is judged by its answer.
SPELLINGS = [
    "127.0.0.1:{port}",
    "127.1:{port}",
    "127.0.1:{port}",
    "127.0.0.1.:{port}",
    "127.000.000.001:{port}",
    "0177.0.0.1:{port}",
    "0x7f.0.0.1:{port}",
    "0x7f.1:{port}",
    "0x7f000001:{port}",
    "0X7F000001:{port}",
    "2130706433:{port}",
    "017700000001:{port}",
    "127.0.0.1%2e:{port}",
    "127%2e0.0.1:{port}",
    "%31%32%37.0.0.1:{port}",
    "①②⑦.0.0.1:{port}",
    "１２７.0.0.1:{port}",  # noqa: RUF001 - fullwidth digits on purpose
    "127。0。0。1:{port}",
    "127｡0｡0｡1:{port}",
    "127．0．0．1:{port}",  # noqa: RUF001 - fullwidth full stops on purpose
    "١٢٧.0.0.1:{port}",
    "localhost:{port}",
    "localhost.:{port}",
    "localhost..:{port}",
    "LOCALHOST:{port}",
    "LocalHost.:{port}",
    "ⓛocalhost:{port}",
    "\u2113ocalhost:{port}",
    "loca\u00adlhost:{port}",
    "localhost.localdomain:{port}",
    "ip6-localhost:{port}",
    "127.0.0.1.nip.test:{port}",
    "rebind.test:{port}",
    "a_b.test:{port}",
    "0:{port}",
    "0.0.0.0:{port}",
    "0.0.0.0.:{port}",
    "0x0:{port}",
    "[::]:{port}",
    "[::1]:{port}",
    "[0:0:0:0:0:0:0:1]:{port}",
    "[0000::0001]:{port}",
    "[::1%25lo]:{port}",
    "[::1%lo]:{port}",
    "[::127.0.0.1]:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "[::FFFF:7f00:1]:{port}",
    "[0:0:0:0:0:ffff:127.0.0.1]:{port}",
    "[::ffff:0:127.0.0.1]:{port}",
    "[64:ff9b::127.0.0.1]:{port}",
    "[64:ff9b:1::127.0.0.1]:{port}",
    "[2002:7f00:1::]:{port}",
    "[2001:0:7f00:1::]:{port}",
    "[fe80::1%25eth0]:{port}",
    "[fe80::1]:{port}",
    "[fec0::1]:{port}",
    "[fc00::1]:{port}",
    "[fd00:ec2::254]",
    "[ff02::1]:{port}",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "192.0.0.8",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "127.0.0.1:{port}@other.test",
    "other.test@127.0.0.1:{port}",
    "other.test\\@127.0.0.1:{port}",
    "other.test#@127.0.0.1:{port}",
    "127.0.0.1:{port}\\.other.test",
    "127.0.0.1\t:{port}",
    " 127.0.0.1:{port}",
    "[127.0.0.1]:{port}",
    "[localhost]:{port}",
    "[v1.127.0.0.1]:{port}",
    "127.0.0.1:{port}:80",
]


def loose_address(host):
    """What a permissive resolver makes of a host."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
    except OSError:
        return "127.0.0.1"


async def refused(door, url):
    with pytest.raises(HttpFailed) as caught:
        await door.request(HttpRequest(url=url))
    return caught.value.reason


async def test_bad_input_35_no_spelling_of_a_private_address_is_connected_to(
    serve, open_with, stub_resolver, connects_of
):
    canary = await serve()
    door = await open_with([], resolver=stub_resolver(loose_address))
    for spelling in SPELLINGS:
        with connects_of() as connects:
            reason = await refused(door, f"http://{spelling.format(port=canary.port)}/")
        assert reason in ("egress_denied", "url"), spelling
        assert (connects, canary.connections) == ([], 0), spelling


async def test_bad_input_35_no_redirect_leads_to_any_spelling_of_a_private_address(
    serve, open_with, stub_resolver, connects_of
):
    canary = await serve()
    public = await serve(close=True)
    door = await open_with(["public.test"], resolver=stub_resolver(loose_address))
    for spelling in SPELLINGS:
        location = f"http://{spelling.format(port=canary.port)}/"
        head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nConnection: close"
        public.answer = f"{head}\r\nContent-Length: 0\r\n\r\n".encode()
        with connects_of() as connects:
            reason = await refused(door, f"http://public.test:{public.port}/")
        assert reason in ("egress_denied", "redirect"), spelling
        assert connects == [("127.0.0.1", public.port)], spelling
        assert canary.connections == 0, spelling


def test_there_are_enough_spellings():
    assert len(set(SPELLINGS)) == len(SPELLINGS) >= 60
