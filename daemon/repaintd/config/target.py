"""Where an outgoing webhook leads, as far as its URL tells before anybody looks up its name.

What it does not tell (secret references, names) is judged at every attempt, by the door that the
daemon leaves through. Everything else is told where it is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from repaintd.config.problem import shortened
from repaintd.core.egress import address_of, is_host_name, special_kind

if TYPE_CHECKING:
    from repaintd.core.egress import EgressPolicy

_REFERENCE: Final = "${"
_ANY_REFERENCE: Final = re.compile(r"\$\{[^}]*\}?")
_SHAPE: Final = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]+)", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{0,5}))?")
_UNSENDABLE: Final = re.compile(r"[\x00-\x20\x7f\\]")  # a backslash is a slash to some
_PORTS: Final = {"http": 80, "https": 443}
_HIGHEST_PORT: Final = 65_535
_LOCALHOST: Final = "localhost"
_LOOPBACK: Final = ("127.0.0.1", "::1")
_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 (compared, not bound)


@dataclass(frozen=True, slots=True)
class Authority:
    """Host (lower case, no brackets) and port of a URL."""

    host: str
    port: int

    @property
    def local(self) -> bool:
        """Whether it is this machine under any of its own names."""
        address = address_of(self.host)
        kind = None if address is None else special_kind(address)
        return (
            self.host in _WILDCARDS
            or kind == "a loopback address"
            or f".{self.host.removesuffix('.')}".endswith(f".{_LOCALHOST}")
        )

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def authority_of(url: str) -> Authority | None:
    """What *url* names; None where a secret reference stands in the way.

    Raises:
        ValueError: it is nothing that a message can be sent to; says what to write.
    """
    if url.startswith(_REFERENCE):
        return None
    shape = _SHAPE.match(url)
    if shape is None:
        raise ValueError("must be a URL that begins with http:// or https:// and names a host")
    if "@" in _ANY_REFERENCE.sub("", shape["authority"]):
        raise ValueError("holds a user name; remove it, the messages are signed")
    if _UNSENDABLE.search(_ANY_REFERENCE.sub("", url)):
        raise ValueError("holds a space, a backslash or a control character; write %20 for a space")
    if _REFERENCE in shape["authority"]:
        return None
    found = _AUTHORITY.fullmatch(shape["authority"])
    if found is None:
        raise ValueError("must be a URL that begins with http:// or https:// and names a host")
    port = int(found["port"]) if found["port"] else _PORTS[shape["scheme"].lower()]
    if not 0 < port <= _HIGHEST_PORT:
        raise ValueError(f"has a port outside 1 to {_HIGHEST_PORT}")
    return Authority(_host(found["host"].lower().strip("[]")), port)


def _host(host: str) -> str:
    """Refuse what looks like another host, or is one to some and not to others."""
    if not host.isascii():
        raise ValueError(f"must name its host in ASCII{_in_ascii(host)}")
    if not is_host_name(host) and address_of(host) is None:
        shown = shortened(host)
        raise ValueError(f"{shown} is neither a host name nor an IP address in its usual form")
    return host


def _in_ascii(host: str) -> str:
    found = _encoded(host)
    if not found.isascii():
        return ", and this one has no such form"
    return f": {shortened(found)}, if that is the one that is meant"


def _encoded(host: str) -> str:
    """The name as it is looked up; as it is where it cannot be."""
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def target_refusal(
    url: str, *, egress: EgressPolicy, listen: tuple[str, int], public_url: str
) -> str | None:
    """Why no subscription may lead to *url*, and what to do; None if one may, or nobody can tell.

    Args:
        url: one that `authority_of` takes.
        egress: where the daemon may connect to.
        listen: host and port of the daemon's own listener.
        public_url: where readers reach it.
    """
    authority = authority_of(url)
    if authority is None:
        return None
    if _is_own(url, authority, Authority(listen[0].lower(), listen[1]), public_url):
        return "leads back to this daemon, which would be told of its own events; name another"
    kind = _private(authority, egress)
    if kind is None:
        return None
    return f"leads to {kind}; name another, or list {authority} under egress.allow if it is meant"


def _is_own(url: str, authority: Authority, listen: Authority, public_url: str) -> bool:
    if authority.port == listen.port and (
        authority.host == listen.host or (authority.local and listen.local)
    ):
        return True
    public = urlsplit(public_url)
    if authority != Authority(
        _encoded(public.hostname or ""), public.port or _PORTS[public.scheme]
    ):
        return False
    return f"{urlsplit(url).path}/".startswith(f"{public.path}/")  # others may live beside it


def _private(authority: Authority, egress: EgressPolicy) -> str | None:
    host, port = authority.host, authority.port
    if egress.allows_host(host, port):
        return None
    if address_of(host) is not None:
        return egress.refusal(host, port)
    if authority.local and not any(egress.allows_address(each, port) for each in _LOOPBACK):
        return "a loopback address"
    return None
