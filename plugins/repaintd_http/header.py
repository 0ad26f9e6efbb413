"""Header names and values that may be configured (RFC 9110 sections 5.1, 5.5)."""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_OF_THE_CONNECTION: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_OF_THE_DAEMON: Final = frozenset(
    {
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
    }
)


def checked_name(name: str) -> str:
    """The name, if it may be configured.

    Raises:
        ValueError: it is no header name, or the daemon sets it itself.
    """
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name[:100]!r} is not a header name; letters, digits and - make one")
    if name.lower() in _OF_THE_CONNECTION:
        raise ValueError(f"{name} belongs to the connection, which the daemon makes; remove it")
    if name.lower() in _OF_THE_DAEMON:
        raise ValueError(f"{name} is sent by the daemon when it knows a validator; remove it")
    return name


def is_clean(value: str) -> bool:
    """Whether a value can be sent: no line breaks, no other control characters."""
    return not _CONTROL.search(value)
