from __future__ import annotations

import socket

import pytest

from repaintd.net import OwnListener
from repaintd.net.own import is_of_this_machine

ELSEWHERE = "192.0.2.1"


def listener(*bound, public_url=""):
    own = OwnListener(public_url)
    for host, port in bound:
        own.listens(host, port)
    return own


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0", "::", "::1", "10.1.2.3"])
@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "0.0.0.0", "::"],
)
def test_loopback_under_the_own_port_is_our_own(bound, address):
    own = listener((bound, 8080))
    assert own(address, 8080)
    assert not own(address, 8081)


def test_the_address_that_it_is_bound_to_is_our_own_and_its_neighbours_are_not():
    own = listener(("10.1.2.3", 8080), ("fd00::3", 8443))
    assert own("10.1.2.3", 8080)
    assert own("::ffff:10.1.2.3", 8080)
    assert own("fd00:0::3", 8443)
    for address, port in (("10.1.2.3", 8443), ("fd00::3", 8080), ("10.1.2.4", 8080)):
        assert not own(address, port)


@pytest.fixture
def claimed(monkeypatch):
    """Addresses that the machine is said to have beside loopback."""
    addresses = set()
    monkeypatch.setattr("repaintd.net.own.is_of_this_machine", addresses.__contains__)
    return addresses


@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])
def test_bound_to_a_wildcard_every_address_of_the_machine_is_our_own(claimed, wildcard):
    claimed |= {"10.1.2.3", "fe80::1%2"}
    own = listener((wildcard, 8080), ("10.9.9.9", 9090))
    assert own("10.1.2.3", 8080)
    assert own("::ffff:10.1.2.3", 8080)
    assert own("fe80::1%2", 8080)
    assert not own("10.1.2.3", 9090)
    assert not own("10.1.2.4", 8080)
    claimed.add("10.1.2.4")  # addresses come and go
    assert own("10.1.2.4", 8080)


@pytest.mark.parametrize(
    ("public_url", "host", "port", "expected"),
    [
        ("https://images.example", "images.example", 443, True),
        ("https://images.example/base", "IMAGES.example.", 443, True),
        ("https://images.example", "images.example", 8443, False),
        ("https://images.example", "other.example", 443, False),
        ("http://images.example:8080", "images.example", 8080, True),
        ("http://192.0.2.7:8080", "::ffff:192.0.2.7", 8080, True),
        ("http://[2001:db8:0::7]", "2001:db8::7", 80, True),
        ("not a URL", "not a URL", 80, False),
        ("", "", 80, False),
    ],
)
def test_host_and_port_of_the_public_url_are_our_own(public_url, host, port, expected):
    assert listener(public_url=public_url)(host, port) is expected


def test_before_it_listens_nothing_but_the_public_url_is_our_own():
    assert not listener()("127.0.0.1", 8080)


def test_names_and_socket_files_are_no_addresses():
    own = listener(("/run/repaintd.sock", 8080))
    assert not own("localhost", 8080)
    assert not own("127.0.0.1", 8080)


def test_the_machine_knows_its_addresses():
    assert is_of_this_machine("127.0.0.1")
    assert not is_of_this_machine(ELSEWHERE)
    assert not is_of_this_machine("no address")


def test_the_address_that_leads_out_is_one_of_the_machine():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((ELSEWHERE, 9))
        except OSError:
            pytest.skip("this machine has no way out")
        address = probe.getsockname()[0]
    assert is_of_this_machine(address)
    assert listener(("0.0.0.0", 8080))(address, 8080)
    assert not listener(("0.0.0.0", 8080))(ELSEWHERE, 8080)
