"""Where the daemon may connect to: the public internet, and what the operator lists.

The tables are explicit on purpose: `ipaddress.is_global` has called NAT64, 6to4, site-local and
multicast addresses public, and its answers change with the Python version. Sources: the IANA
special-purpose address registries (RFC 6890 and its updates).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

ANY_PORT: Final = 0

_V4: Final = tuple(
    (IPv4Network(prefix), kind)
    for prefix, kind in (
        ("127.0.0.0/8", "a loopback address"),
        ("10.0.0.0/8", "a private address"),
        ("172.16.0.0/12", "a private address"),
        ("192.168.0.0/16", "a private address"),
        ("169.254.0.0/16", "a link-local address"),
        ("100.64.0.0/10", "a carrier-grade NAT address"),
        ("0.0.0.0/8", "an address of this host"),
        ("192.0.0.0/24", "an address reserved for protocols"),
        ("192.0.2.0/24", "a documentation address"),
        ("198.51.100.0/24", "a documentation address"),
        ("203.0.113.0/24", "a documentation address"),
        ("192.88.99.0/24", "a 6to4 relay address"),
        ("198.18.0.0/15", "a benchmarking address"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
    )
)

# Only 2000::/3 is handed out for the internet: what lies outside is refused even without a name.
_V6_INTERNET: Final = IPv6Network("2000::/3")
_V6: Final = tuple(
    (IPv6Network(prefix), kind)
    for prefix, kind in (
        ("::1/128", "a loopback address"),
        ("::/128", "an address of this host"),
        ("::/96", "an IPv4-compatible address"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a site-local address"),
        ("ff00::/8", "a multicast address"),
        ("64:ff9b:1::/48", "a local NAT64 address"),
        ("100::/64", "a discard address"),
        ("2001::/32", "a Teredo address"),
        ("2001:db8::/32", "a documentation address"),
        ("3fff::/20", "a documentation address"),
        ("2001::/23", "an address reserved for protocols"),
    )
)

_NAT64: Final = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR: Final = IPv6Network("2002::/16")
_LOW_32: Final = 0xFFFF_FFFF
_MAPPED_PREFIX: Final = 96

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\.?", re.IGNORECASE)
# A name that ends in a number is an IPv4 address to some resolvers (WHATWG URL, section 3.5).
_NUMERIC_END: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", re.IGNORECASE)
_NAME_LENGTH: Final = 254
_HIGHEST_PORT: Final = 65535


def is_host_name(text: str) -> bool:
    """Whether *text* is a host name that no resolver can take for a number."""
    return (
        len(text) <= _NAME_LENGTH
        and _NAME.fullmatch(text) is not None
        and _NUMERIC_END.fullmatch(text) is None
    )


def address_of(text: str) -> Address | None:
    """The IP address that *text* spells in the one canonical way, else None.

    A zone (`fe80::1%eth0`) is dropped; an IPv4-mapped address is given as the IPv4 address that
    the kernel connects to.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def special_kind(address: Address) -> str | None:
    """What *address* is if it is not of the public internet ("a loopback address"), else None."""
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _V4 if address in network), None)
    inner = _carried(address)
    if inner is not None:
        kind = special_kind(inner)
        return f"{kind} carried in IPv6" if kind else None
    named = next((kind for network, kind in _V6 if address in network), None)
    return named or (None if address in _V6_INTERNET else "a reserved address")


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a translator or tunnel would send the packet on to."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & _LOW_32)
    if address in _SIX_TO_FOUR:
        return IPv4Address((int(address) >> 80) & _LOW_32)
    return None


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Public addresses, plus what `egress.allow` lists.

    Attributes:
        hosts: (lower-case name, port): whatever such a name resolves to is allowed.
        networks: (network, port): addresses that are allowed under any name.
    In both, port 0 stands for every port.
    """

    hosts: frozenset[tuple[str, int]] = frozenset()
    networks: tuple[tuple[Network, int], ...] = ()

    @classmethod
    def parse(cls, entries: Sequence[str]) -> EgressPolicy:
        """Read `egress.allow`: host, host:port, IP, IP:port, [IPv6]:port or CIDR each.

        Raises:
            ValueError: an entry is none of these; the message says what to write.
        """
        hosts: set[tuple[str, int]] = set()
        networks: list[tuple[Network, int]] = []
        for entry in entries:
            subject, port = _split(entry.strip())
            network = _network(subject, entry)
            if network is not None:
                networks.append((network, port))
            elif is_host_name(subject):
                hosts.add((_canonical(subject), port))
            else:
                raise ValueError(f"{entry!r} is no host, address or network: {_advice(entry)}")
        return cls(frozenset(hosts), tuple(networks))

    def allows_host(self, host: str, port: int) -> bool:
        """Whether a rule allows that name on that port, whatever it resolves to."""
        if not self.hosts:
            return False
        name = _canonical(host)
        return (name, ANY_PORT) in self.hosts or (name, port) in self.hosts

    def allows_address(self, address: str, port: int) -> bool:
        """Whether a connection to that address may be made (it is public, or a rule covers it)."""
        return self.refusal(address, port) is None

    def refusal(self, address: str, port: int) -> str | None:
        """Why no connection to that address may be made ("a private address"); None if it may."""
        judged = address_of(address)
        if judged is None:
            return "no IP address"
        kind = special_kind(judged)
        if kind is None or self._listed(judged, port):
            return None
        return kind

    def _listed(self, address: Address, port: int) -> bool:
        return any(
            address.version == network.version
            and allowed_port in (ANY_PORT, port)
            and address in network
            for network, allowed_port in self.networks
        )


def _canonical(host: str) -> str:
    return host.lower().removesuffix(".")


def _split(entry: str) -> tuple[str, int]:
    """Take the port off, if the entry has one."""
    if entry.startswith("["):
        subject, bracket, rest = entry[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{entry!r} is not of the form [IPv6]:port")
        return subject, _port(rest[1:], entry) if rest else ANY_PORT
    if entry.count(":") != 1:
        return entry, ANY_PORT
    subject, _, port = entry.partition(":")
    return subject, _port(port, entry)


def _port(text: str, entry: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_HIGHEST_PORT))):
        raise ValueError(f"{entry!r} has no port number after the colon: {_advice(entry)}")
    port = int(text)
    if not 0 < port <= _HIGHEST_PORT:
        raise ValueError(f"{entry!r} has a port outside 1 to {_HIGHEST_PORT}")
    return port


def _network(subject: str, entry: str) -> Network | None:
    """The network that an entry names, or None if it is no address at all."""
    try:
        network = ip_network(subject)
    except ValueError:
        if "/" not in subject or "//" in subject:
            return None
        raise ValueError(_network_advice(subject, entry)) from None
    return _unmapped(network)


def _network_advice(subject: str, entry: str) -> str:
    try:
        meant = ip_network(subject, strict=False)
    except ValueError:
        return f"{entry!r} is no network: write it like 10.0.0.0/8 or fd00::/8"
    return f"{entry!r} has bits set behind the prefix: write {meant}"


def _unmapped(network: Network) -> Network:
    """Rules for IPv4-mapped addresses are rules for the IPv4 addresses in them."""
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_PREFIX:
        inner = network.network_address.ipv4_mapped
        if inner is not None:
            return IPv4Network((int(inner), network.prefixlen - _MAPPED_PREFIX))
    return network


def _advice(entry: str) -> str:
    if "://" in entry:
        return "write host or host:port, without the scheme and the path"
    if "*" in entry:
        return "wildcards are not supported, list each host or a CIDR"
    return "write host, host:port, IP, IP:port, [IPv6]:port or CIDR"
