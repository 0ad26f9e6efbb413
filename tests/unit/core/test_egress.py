from __future__ import annotations

from ipaddress import ip_address

import pytest

from repaintd.core.egress import EgressPolicy, address_of, is_host_name, special_kind

PUBLIC = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "128.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2000::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "64:ff9b::101:101",
    "2002:101:101::1",
    "::ffff:1.1.1.1",
]
SPECIAL = [
    ("127.0.0.1", "a loopback address"),
    ("127.255.255.255", "a loopback address"),
    ("0.0.0.0", "an address of this host"),
    ("0.1.2.3", "an address of this host"),
    ("10.0.0.1", "a private address"),
    ("172.16.0.1", "a private address"),
    ("172.31.255.255", "a private address"),
    ("192.168.1.1", "a private address"),
    ("100.64.0.1", "a carrier-grade NAT address"),
    ("100.127.255.255", "a carrier-grade NAT address"),
    ("169.254.169.254", "a link-local address"),
    ("192.0.0.8", "an address reserved for protocols"),
    ("192.0.2.1", "a documentation address"),
    ("198.51.100.1", "a documentation address"),
    ("203.0.113.1", "a documentation address"),
    ("192.88.99.1", "a 6to4 relay address"),
    ("198.18.0.1", "a benchmarking address"),
    ("198.19.255.255", "a benchmarking address"),
    ("224.0.0.1", "a multicast address"),
    ("239.255.255.255", "a multicast address"),
    ("240.0.0.1", "a reserved address"),
    ("255.255.255.255", "a reserved address"),
    ("::", "an address of this host"),
    ("::1", "a loopback address"),
    ("::127.0.0.1", "an IPv4-compatible address"),
    ("::ffff:127.0.0.1", "a loopback address carried in IPv6"),
    ("::ffff:a9fe:a9fe", "a link-local address carried in IPv6"),
    ("::ffff:0:127.0.0.1", "a reserved address"),
    ("64:ff9b::a9fe:a9fe", "a link-local address carried in IPv6"),
    ("64:ff9b::127.0.0.1", "a loopback address carried in IPv6"),
    ("64:ff9b:1::1", "a local NAT64 address"),
    ("100::1", "a discard address"),
    ("2001::1", "a Teredo address"),
    ("2001:20::1", "an address reserved for protocols"),
    ("2001:db8::1", "a documentation address"),
    ("2002:7f00:1::1", "a loopback address carried in IPv6"),
    ("2002:a9fe:a9fe::1", "a link-local address carried in IPv6"),
    ("3fff::1", "a documentation address"),
    ("4000::1", "a reserved address"),
    ("5f00::1", "a reserved address"),
    ("fc00::1", "a private address"),
    ("fd12:3456::1", "a private address"),
    ("fe80::1", "a link-local address"),
    ("fec0::1", "a site-local address"),
    ("ff02::1", "a multicast address"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address):
    assert EgressPolicy().allows_address(address, 443)


@pytest.mark.parametrize(("address", "kind"), SPECIAL)
def test_bad_input_34_special_addresses_are_refused_with_their_kind(address, kind):
    assert special_kind(ip_address(address)) == kind
    assert not EgressPolicy().allows_address(address, 443)


def test_a_mapped_address_is_named_as_the_address_it_reaches():
    assert EgressPolicy().refusal("::ffff:127.0.0.1", 80) == "a loopback address"


def test_a_zone_does_not_hide_the_address():
    assert EgressPolicy().refusal("fe80::1%eth0", 80) == "a link-local address"


@pytest.mark.parametrize("text", ["localhost", "127.1", "0x7f.1", "2130706433", "127.0.0.01", ""])
def test_what_is_no_canonical_address_is_never_allowed(text):
    assert address_of(text) is None
    assert EgressPolicy.parse(["0.0.0.0/0", "::/0"]).refusal(text, 80) == "no IP address"


@pytest.mark.parametrize(
    ("entry", "address", "port", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1", 1, True),
        ("127.0.0.1", "127.0.0.2", 1, False),
        ("127.0.0.1:8080", "127.0.0.1", 8080, True),
        ("127.0.0.1:8080", "127.0.0.1", 8081, False),
        ("127.0.0.1:8080", "::ffff:127.0.0.1", 8080, True),
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", 80, True),
        ("10.0.0.0/8:443", "10.1.2.3", 80, False),
        ("::ffff:10.0.0.0/104", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "64:ff9b::a00:1", 80, False),
        ("10.0.0.0/8", "2002:a00:1::1", 80, False),
        ("::1", "::1", 80, True),
        ("[::1]", "::1", 80, True),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:80", "::1", 81, False),
        ("fd00::/8", "fd12::1", 80, True),
        ("fd00::/8", "fe80::1", 80, False),
        ("0.0.0.0/0", "10.0.0.1", 80, True),
        ("0.0.0.0/0", "::1", 80, False),
        (" 10.0.0.1 ", "10.0.0.1", 80, True),
    ],
)
def test_address_rules_cover_addresses_under_any_name(entry, address, port, allowed):
    assert EgressPolicy.parse([entry]).allows_address(address, port) is allowed


@pytest.mark.parametrize(
    ("entry", "host", "port", "allowed"),
    [
        ("db.internal", "db.internal", 80, True),
        ("db.internal", "DB.Internal.", 80, True),
        ("DB.Internal.", "db.internal", 80, True),
        ("db.internal", "x.db.internal", 80, False),
        ("db.internal", "internal", 80, False),
        ("db.internal:80", "db.internal", 80, True),
        ("db.internal:80", "db.internal", 81, False),
        ("localhost:8080", "localhost", 8080, True),
        ("my_host", "my_host", 1, True),
        ("127.0.0.1", "127.0.0.1", 80, False),
    ],
)
def test_name_rules_cover_that_name_only(entry, host, port, allowed):
    assert EgressPolicy.parse([entry]).allows_host(host, port) is allowed


def test_a_name_rule_allows_no_address():
    assert not EgressPolicy.parse(["localhost"]).allows_address("127.0.0.1", 80)


def test_nothing_is_listed_by_default():
    assert not EgressPolicy().allows_host("localhost", 80)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("http://localhost:8080", "without the scheme"),
        ("http://localhost", "without the scheme"),
        ("localhost/path", "no network"),
        ("*.internal", "wildcards are not supported"),
        ("localhost:", "no port number"),
        ("localhost:http", "no port number"),
        ("localhost:٨٠", "no port number"),
        ("localhost:0", "outside 1 to 65535"),
        ("localhost:65536", "outside 1 to 65535"),
        ("localhost:999999", "no port number"),
        ("[::1", "[IPv6]:port"),
        ("[::1]80", "[IPv6]:port"),
        ("10.0.0.1/8", "write 10.0.0.0/8"),
        ("10.0.0.0/33", "no network"),
        ("127.1", "no host, address or network"),
        ("2130706433", "no host, address or network"),
        ("0x7f.1", "no host, address or network"),
        ("127.0.0.01", "no host, address or network"),
        ("bücher.example", "no host, address or network"),
        ("a b", "no host, address or network"),
        ("", "no host, address or network"),
    ],
)
def test_a_bad_entry_is_refused_with_what_to_write(entry, words):
    with pytest.raises(ValueError, match=r".") as caught:
        EgressPolicy.parse([entry])
    assert words in str(caught.value)
    assert repr(entry) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("example.com", True),
        ("example.com.", True),
        ("localhost", True),
        ("a_b.c", True),
        ("xn--bcher-kva.example", True),
        ("1e100.net", True),
        ("x" * 63 + ".de", True),
        ("x" * 64 + ".de", False),
        (".".join(["x" * 60] * 5), False),
        ("a..b", False),
        ("-a.b", False),
        ("a-.b", False),
        (".", False),
        ("a b", False),
        ("a%62.c", False),
        ("a\n", False),
        ("①.de", False),
        ("1.2.3.4", False),
        ("1.2.3.4.", False),
        ("foo.0x1F", False),
        ("foo.0x", False),
        ("foo.09", False),
    ],
)
def test_host_names_are_names_no_resolver_takes_for_a_number(text, good):
    assert is_host_name(text) is good
