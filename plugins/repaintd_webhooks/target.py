"""Where messages go, with the secrets of the address in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.plugin import Secret

_MARK: Final = "${"

# A reference, or the `$${` that stands for a plain `${`.
_REFERENCE: Final = re.compile(r"\$\$\{|\$\{[^{}]*\}")


def resolved(url: str, secret: Callable[[str], Secret]) -> str:
    """The URL with its references replaced.

    What the URL begins with is taken as it is, for it is a URL or the beginning of one. Elsewhere
    values are percent-encoded: in the path, all but slashes and colons; behind the `?`, everything.

    Raises:
        SecretUnavailable: a reference has no value just now.
    """
    if _MARK not in url:
        return url

    def value_of(match: re.Match[str]) -> str:
        value = secret(match[0]).reveal()
        if match.start() == 0:
            return value
        return quote(value, safe="" if "?" in url[: match.start()] else "/:")

    return _REFERENCE.sub(value_of, url)


def origin_of(url: str) -> str:
    """`scheme://host:port` of a URL that was asked: all of it that messages may show."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
