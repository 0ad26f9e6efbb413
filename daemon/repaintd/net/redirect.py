"""Where a redirect leads, and what may travel there (RFC 9110 section 15.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from repaintd.errors import HttpFailed
from repaintd.net.target import Target, parse_target

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUSES: Final = frozenset({301, 302, 303, 307, 308})
_AS_GET: Final = frozenset({301, 302, 303})
_SAFE: Final = frozenset({"GET", "HEAD"})
_ABOUT_BODY: Final = frozenset({"content-type", "content-encoding", "content-language"})


@dataclass(frozen=True, slots=True)
class Hop:
    """One exchange of a chain."""

    target: Target
    method: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)


def next_hop(hop: Hop, status: int, location: str) -> Hop:
    """The exchange that a redirect asks for.

    301, 302 and 303 turn everything but GET and HEAD into GET, as browsers do; 307 and 308 keep
    method and body. All headers stay behind when scheme, host or port change: any of them may be
    a credential. So does a body, which means that the redirect is not followed.

    Raises:
        HttpFailed: reason `redirect`; the place is not one to go to.
    """
    target = _resolve(hop.target, location)
    leaves = target.origin != hop.target.origin
    if hop.target.scheme == "https" and target.scheme == "http":
        raise _refused(hop.target, f"to {target.origin} gives up encryption")
    headers = {} if leaves else hop.headers
    if status in _AS_GET and hop.method not in _SAFE:
        return Hop(target, "GET", _without_body(headers), None)
    if leaves and hop.body is not None:
        raise _refused(hop.target, f"to {target.origin} would hand on the request's body")
    return Hop(target, hop.method, headers, hop.body)


def _resolve(base: Target, location: str) -> Target:
    location = location.strip()
    if any(ord(character) < ord(" ") for character in location):
        # urljoin would quietly take some of them out
        raise _refused(base, "holds a control character")
    try:
        return parse_target(urljoin(str(base.url), location))
    except HttpFailed as exc:
        raise _refused(base, f"cannot be followed: {exc}") from exc
    except ValueError as exc:
        raise _refused(base, "is malformed") from exc


def _refused(base: Target, why: str) -> HttpFailed:
    return HttpFailed(f"{base.origin}: the redirect {why}", reason="redirect")


def _without_body(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _ABOUT_BODY}
