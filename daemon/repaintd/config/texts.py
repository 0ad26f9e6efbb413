"""Texts with a form: names, addresses, secrets. Each is checked the same wherever it stands."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from repaintd.config import limits
from repaintd.config.target import authority_of
from repaintd.core.signing import standard_key

UID_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"
TEMPLATE_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
LABEL_PATTERN: Final = r"^[^\x00-\x1f\x7f]*$"
PATTERN_WORDS: Final = {
    UID_PATTERN: "must be 1 to 64 of a-z, 0-9, dot, underscore and hyphen, the first a-z or 0-9",
    LABEL_PATTERN: "must be one line, without control characters",
}
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10)}
)
_HOST: Final = re.compile(r"[\w.-]+", re.ASCII)
_PORT_MAX: Final = 65_535
_REFERENCE: Final = "${"


def _no_device(uid: str) -> str:
    """Refuse what Windows takes for a device, with any extension: a share may be written to."""
    if uid.partition(".")[0] in _DEVICES:
        raise ValueError("is the name of a device on Windows; choose another")
    return uid


def _signing_secret(text: str) -> str:
    if _REFERENCE not in text:  # what that stands for is known at use only
        standard_key(text)
    return text


def _target_url(url: str) -> str:
    authority_of(url)
    return url


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL that begins with http:// or https:// and names a host")
    _ = parts.port  # raises ValueError of its own
    return url


def split_listen(text: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[::1]:port`.

    Raises:
        ValueError: neither; the message says what to write.
    """
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if not colon or not _is_host(host, bracketed=bracketed):
        raise ValueError(
            "must be host:port, like 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080 (port 0: any free)"
        )
    if not (port.isascii() and port.isdigit() and int(port[:6]) <= _PORT_MAX):
        raise ValueError(f"must end in a port from 0 to {_PORT_MAX}")
    return host, int(port)


def _is_host(host: str, *, bracketed: bool) -> bool:
    """Whether *host* goes into a URL as it is; an IPv6 address, with or without zone, if bracketed.

    The URL of the listener is made of it.
    """
    if not bracketed:
        return _HOST.fullmatch(host) is not None
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True


def _listen(text: str) -> str:
    split_listen(text)
    return text


def _public_url(url: str) -> str:
    _http_url(url)
    parts = urlsplit(url)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must be scheme, host and path only: no user, `?` or `#`")
    return url.rstrip("/")


Uid = Annotated[str, Field(pattern=UID_PATTERN), AfterValidator(_no_device)]
TemplateId = Annotated[str, Field(pattern=TEMPLATE_ID_PATTERN)]
Label = Annotated[str, Field(max_length=255, pattern=LABEL_PATTERN)]
"""A name for people: one line."""
TargetUrl = Annotated[str, Field(max_length=limits.URL_CHARACTERS), AfterValidator(_target_url)]
"""Where messages go; may be or hold a secret reference."""
PublicUrl = Annotated[str, Field(max_length=limits.URL_CHARACTERS), AfterValidator(_public_url)]
Listen = Annotated[str, Field(max_length=255), AfterValidator(_listen)]
SecretText = Annotated[
    str, Field(min_length=1, max_length=4_096, json_schema_extra={"writeOnly": True})
]
"""A text that holds a secret, or better a reference to one: never printed."""
SigningSecret = Annotated[SecretText, AfterValidator(_signing_secret)]
"""One that signs, or verifies signatures."""
