"""A URL that may be asked: checked for shape and for tricks with its host."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from yarl import URL

from repaintd.core.egress import is_host_name
from repaintd.errors import HttpFailed

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HIGHEST_PORT: Final = 65535

# Scheme, host, port and nothing else before the path: userinfo, zones and backslashes do not match.
_SHAPE: Final = re.compile(
    r"(https?)://(\[[0-9a-f:.]+\]|[^/?#@:\[\]\\%\s]+)(?::([0-9]{0,5}))?(?=[/?#]|\Z)",
    re.IGNORECASE,
)
# What is a URL already (RFC 3986) goes out byte for byte: signed URLs do not survive re-quoting.
_PLAIN: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that passed the checks.

    Attributes:
        host: lower case, in ASCII, without the brackets of an IPv6 address.
        literal: whether the host is an IP address.
        origin: `scheme://host:port`: what headers belong to, and all of a URL that messages show,
            as paths and queries may hold secrets.
    """

    url: URL = field(repr=False)
    scheme: str
    host: str
    port: int
    literal: bool
    origin: str


@functools.lru_cache(maxsize=16_384)  # polls ask the same URLs for ever; about 1 KB each
def parse_target(text: str) -> Target:
    """Check *text*; an IP address must be spelled in the one canonical way.

    Raises:
        HttpFailed: reason `url`; the message quotes nothing but scheme and host.
    """
    match = _SHAPE.match(text)
    if match is None or _CONTROL.search(text):
        raise HttpFailed(f"the URL cannot be used: {_fault(text)}", reason="url")
    try:
        url = URL(text, encoded=_PLAIN.fullmatch(text) is not None)
        return Target(url, *_checked(match[1].lower(), match[2].lower(), match[3], url.raw_host))
    except ValueError as exc:
        raise HttpFailed("the URL cannot be used: it is malformed", reason="url") from exc


@functools.lru_cache(maxsize=4096)
def _checked(
    scheme: str, written: str, port_text: str | None, encoded: str | None
) -> tuple[str, str, int, bool, str]:
    """The rest of a Target. Many URLs share few hosts, so their answers are kept."""
    host = _host(written, encoded)
    port = int(port_text) if port_text else _DEFAULT_PORTS[scheme]
    if not 0 < port <= _HIGHEST_PORT:
        raise HttpFailed(f"the URL cannot be used: its port {port} does not exist", reason="url")
    literal = ":" in host or not is_host_name(host)
    shown = f"[{host}]" if ":" in host else host
    return scheme, host, port, literal, f"{scheme}://{shown}:{port}"


def _host(host: str, encoded: str | None) -> str:
    """The host that will be looked up or connected to, in ASCII."""
    if host.startswith("["):
        return _literal(IPv6Address, host[1:-1])
    if not host.isascii():
        return _international(host, encoded or "")
    if is_host_name(host):
        return host
    return _literal(IPv4Address, host)


def _literal(family: type[IPv4Address | IPv6Address], host: str) -> str:
    try:
        return str(family(host))
    except AddressValueError:
        raise HttpFailed(
            f"the URL cannot be used: {host[:100]!r} is neither a host name nor an IP address "
            "in its usual form",
            reason="url",
        ) from None


def _international(host: str, encoded: str) -> str:
    """Non-ASCII is for names only: letters that fold to ASCII could spell an address or a name."""
    if not is_host_name(encoded) or "xn--" not in encoded:
        raise HttpFailed(
            f"the URL cannot be used: {host[:100]!r} is not an international host name",
            reason="url",
        )
    return encoded


def _fault(text: str) -> str:
    """Why the shape does not match, without a word of what may be secret."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in _DEFAULT_PORTS:
        return "it does not begin with http:// or https://"
    if _CONTROL.search(text):
        return "it holds a control character"
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        return "it holds a user name; give it as credentials"
    return "its host or port is malformed" if authority else "it has no host"
