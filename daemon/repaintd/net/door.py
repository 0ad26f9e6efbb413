"""The one door that every outbound HTTP exchange goes through."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from multidict import CIMultiDict

from repaintd.errors import HttpFailed
from repaintd.net import redirect
from repaintd.net.body import read_body, read_glimpse, skim
from repaintd.net.connector import BoundedConnector
from repaintd.net.decoding import ACCEPTED
from repaintd.net.failure import failure_of
from repaintd.net.guard import Guard, GuardedResolver, guarded_sockets
from repaintd.net.redirect import Hop, next_hop
from repaintd.net.resolver import SystemResolver
from repaintd.net.target import Target, parse_target
from repaintd.plugin import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from aiohttp.abc import AbstractResolver

    from repaintd.core.egress import EgressPolicy
    from repaintd.plugin import HttpDoor

KEEP_ALIVE: Final = 75.0
DNS_CACHE: Final = 60
_READ_BUFFER: Final = 64 * 1024
_ERROR_PAGE: Final = 16 * 1024
_NOT_MODIFIED: Final = 304
_SWITCHING: Final = 101
_SUCCESS: Final = range(200, 300)
_HOSTS_REMEMBERED: Final = 4096


@asynccontextmanager
async def open_door(
    policy: EgressPolicy,
    *,
    per_host: int,
    limit: int,
    user_agent: str,
    resolver: AbstractResolver | None = None,
    ca_file: Path | None = None,
    own: Callable[[str, int], bool] | None = None,
    keep_alive: float = KEEP_ALIVE,
) -> AsyncIterator[HttpDoor]:
    """Open the way out, for as long as the context lasts.

    Args:
        policy: where connections may go.
        per_host: connections at a time to one scheme, host and port.
        limit: connections at a time in all.
        user_agent: sent with every request that does not bring its own.
        resolver: looks names up; the system's by default.
        ca_file: certificates (PEM) to trust beside the system's.
        own: whether the daemon itself listens on that host and port; then no connection is made,
            whatever the policy allows. Asked for the host of each URL and for each address that
            is about to be connected to; see OwnListener.
        keep_alive: seconds that idle connections are kept. Who sends POSTs keeps them for less
            than receivers do, for a POST into a closing connection is lost and not repeated.
    """
    context = await asyncio.to_thread(_tls, ca_file)
    lookup = resolver or SystemResolver()
    options: dict[str, Any] = {
        "ssl": context,
        "limit": limit,
        "limit_per_host": per_host,
        "keepalive_timeout": keep_alive,
        "ttl_dns_cache": DNS_CACHE,
    }
    # Hosts that the policy lists by name: whatever they resolve to is meant, but for ourselves.
    strict, lenient = Guard(policy, own), Guard(None, own)
    public, named = (
        BoundedConnector(
            resolver=GuardedResolver(lookup, guard),
            socket_factory=guarded_sockets(guard),
            **options,
        )
        for guard in (strict, lenient)
    )
    try:
        async with _session(public, user_agent) as first, _session(named, user_agent) as second:
            yield Door(strict, first, second)
    finally:
        await lookup.close()


def _session(connector: aiohttp.TCPConnector, user_agent: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        read_bufsize=_READ_BUFFER,
        headers={"User-Agent": user_agent, "Accept-Encoding": ACCEPTED},
    )


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    """Certificates and host names are always verified; TLS 1.2 at least."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


class Door:
    """Implements `plugin.HttpDoor`."""

    def __init__(
        self, guard: Guard, public: aiohttp.ClientSession, named: aiohttp.ClientSession
    ) -> None:
        self._guard = guard
        self._public = public
        self._named = named
        self._turn = asyncio.Lock()
        # There are far fewer hosts than exchanges; refusals are exceptions and never kept.
        self._session_for = functools.lru_cache(_HOSTS_REMEMBERED)(self._choose)

    async def request(self, request: HttpRequest) -> HttpResponse:
        """Exchange once, redirects followed (up to `max_redirects`; 0 returns them as they are).

        The body of a response outside 2xx is a glimpse: its first 16 KiB, or nothing if coded.
        With `request.glimpse`, so is every body, and one that breaks or tarries is nothing, too.

        Raises:
            HttpFailed: no usable response; any status is a usable response.
        """
        hop = Hop(parse_target(request.url), request.method, request.headers, request.body)
        if not request.max_redirects:
            return await self._exchange(hop, request, request.timeout)
        started = time.monotonic()
        response = await self._exchange(hop, request, request.timeout)
        if response.status not in redirect.STATUSES:
            return response
        return await self._follow(hop, response, request, started)

    async def _follow(
        self, hop: Hop, response: HttpResponse, request: HttpRequest, started: float
    ) -> HttpResponse:
        first = hop
        for _ in range(request.max_redirects):
            location = response.headers.get("Location")
            if location is None:
                return response
            hop = next_hop(hop, response.status, location)
            left = request.timeout - (time.monotonic() - started)
            if left <= 0:
                raise failure_of(TimeoutError(), hop.target, request.timeout)
            response = await self._exchange_elsewhere(first, hop, request, left)
            if response.status not in redirect.STATUSES:
                return _asked(response, hop)
        raise HttpFailed(
            f"{first.target.origin}: more than {request.max_redirects} redirects",
            reason="redirect",
        )

    async def _exchange_elsewhere(
        self, first: Hop, hop: Hop, request: HttpRequest, seconds: float
    ) -> HttpResponse:
        """Like `_exchange`; who is sent to a forbidden place is not told how to allow it."""
        try:
            return await self._exchange(hop, request, seconds)
        except HttpFailed as failure:
            if failure.reason != "egress_denied":
                raise
            what = str(failure).partition("; ")[0]
            raise HttpFailed(
                f"{first.target.origin} redirects to {what}; such redirects are not followed",
                reason=failure.reason,
            ) from None

    async def _exchange(self, hop: Hop, request: HttpRequest, seconds: float) -> HttpResponse:
        target = hop.target
        try:
            response = await self._session_to(target).request(
                hop.method,
                target.url,
                headers=hop.headers,
                data=hop.body,
                allow_redirects=False,
                timeout=_limit(seconds),
            )
            try:
                body = b""
                if response.status != _NOT_MODIFIED:
                    body = await self._body(response, request, target)
            finally:
                # gives the connection back after a whole body, and closes it otherwise
                response.release()
        except HttpFailed:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            # from None: aiohttp's exceptions quote the whole URL and the headers
            raise failure_of(exc, target, request.timeout) from None
        return HttpResponse(
            status=response.status,
            headers=_combined(response.headers),
            body=body,
            url=str(target.url),
        )

    async def _body(
        self, response: aiohttp.ClientResponse, request: HttpRequest, target: Target
    ) -> bytes:
        status, most = response.status, request.max_bytes
        if status == _SWITCHING:
            raise HttpFailed(f"{target.origin}: switched protocols unasked", reason="protocol")
        if request.glimpse:
            return await skim(response, most)
        if status in _SUCCESS:
            return await read_body(response, most, target.origin, self._turn)
        try:
            return await read_glimpse(response, min(most, _ERROR_PAGE))
        except (aiohttp.ClientPayloadError, aiohttp.ClientOSError):
            return b""  # the status is what counts

    def _session_to(self, target: Target) -> aiohttp.ClientSession:
        # Not for `_choose` to keep: where we listen is known later than this door is open.
        self._guard.check_own(target.host, target.port)
        return self._session_for(target.host, target.port, target.literal)

    def _choose(self, host: str, port: int, literal: bool) -> aiohttp.ClientSession:
        if literal:
            self._guard.check(host, port)
        elif self._guard.lists(host, port):
            return self._named
        return self._public


def _asked(response: HttpResponse, hop: Hop) -> HttpResponse:
    """A 304 counts only if the hop that got it still carried conditions."""
    if response.status == _NOT_MODIFIED and not _conditional(hop.headers):
        raise HttpFailed(
            f"{hop.target.origin}: answered 304 Not Modified to a request without conditions",
            reason="protocol",
        )
    return response


def _conditional(headers: Mapping[str, str]) -> bool:
    return any(name.lower() in ("if-none-match", "if-modified-since") for name in headers)


@functools.lru_cache(maxsize=64)
def _limit(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds)


def _combined(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Fields that came more than once as one list each (RFC 9110 section 5.3), but for cookies."""
    if len(set(headers)) == len(headers):
        return headers
    combined: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        if name in combined:
            combined[name] = f"{combined[name]}, {value}"
        else:
            combined[name] = value
    return combined
