from __future__ import annotations

import pytest

from repaintd.web import Limits
from repaintd.web.guard import counted_address

ADDRESSES = {
    "IPv4": (("203.0.113.7", 1234), "203.0.113.7"),
    "private IPv4": (("10.0.0.1", 1234), "10.0.0.1"),
    "IPv6 counts as its network": (("2001:db8:1:2:3:4:5:6", 1, 0, 0), "2001:db8:1:2::/64"),
    "IPv4 in IPv6": (("::ffff:203.0.113.7", 1, 0, 0), "203.0.113.7"),
    "link-local with a zone": (("fe80::1%eth0", 1, 0, 2), "fe80::/64"),
    "loopback": (("127.0.0.1", 1234), ""),
    "any loopback": (("127.8.8.8", 1234), ""),
    "IPv6 loopback": (("::1", 1, 0, 0), ""),
    "loopback in IPv6": (("::ffff:127.0.0.1", 1, 0, 0), ""),
    "a Unix socket": ("", ""),
    "nothing known": (None, ""),
}


@pytest.mark.parametrize(("peer", "expected"), ADDRESSES.values(), ids=ADDRESSES)
def test_counted_address(peer, expected):
    assert counted_address(peer) == expected


def test_the_sweep_is_fine_enough_for_the_shortest_deadline():
    assert Limits().sweep == 1.0
    assert Limits(send=0.2).sweep == 0.05
