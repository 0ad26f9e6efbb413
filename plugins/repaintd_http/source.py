"""Asks once, conditionally, and tells what came of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from repaintd.plugin import (
    NO_VALIDATORS,
    Fetched,
    FetchFailed,
    HttpFailed,
    HttpRequest,
    NotModified,
    SecretUnavailable,
)
from repaintd.plugin.freshness import hints_of, refreshed, retry_after, validators_of
from repaintd_http.document import read_document
from repaintd_http.wire import Wire, wire_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.plugin import (
        FetchRequest,
        FetchResult,
        HttpDoor,
        HttpResponse,
        Secret,
        Validators,
    )
    from repaintd_http.spec import HttpSpec

LARGE: Final = 1024 * 1024

_NOT_MODIFIED: Final = 304
_DATA: Final = frozenset({200, 201, 203})
_REMARKS: Final = {
    202: "it has no data yet",
    204: "there is no content",
    205: "there is no content",
    206: "a part of the data, which was not asked for",
    401: "check the credentials",
    403: "check the credentials",
    404: "check the URL",
    407: "a proxy wants credentials",
    410: "check the URL",
    429: "it was asked too often",
}
_REASONS: Final = {204: "content", 205: "content", 206: "protocol"}


class HttpSource:
    """Implements `repaintd.plugin.Source` for specs of type `http`.

    Args:
        door: the way out.
        secret: resolves the references in a text; raises SecretUnavailable.
        now: seconds since the epoch, for Retry-After dates.
    """

    def __init__(
        self,
        door: HttpDoor,
        secret: Callable[[str], Secret],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._door = door
        self._secret = secret
        self._now = now

    async def fetch(self, request: FetchRequest) -> FetchResult:
        """Ask once. POST is never conditional: there, conditions mean another thing.

        Raises:
            FetchFailed: reasons of HttpFailed, and `secret`, `status`, `content`, `json`.
        """
        spec: HttpSpec = request.spec
        sent = request.validators if spec.method == "GET" else NO_VALIDATORS
        wire = self._wire(spec, sent)
        response = await self._ask(request, spec.method, wire)
        if response.status == _NOT_MODIFIED:
            return self._not_modified(sent, response)
        if response.status in _DATA:
            storable = spec.method == "GET" and _same_origin(wire.url, response.url)
            return await self._fetched(response, storable=storable)
        raise self._status_failure(response)

    def _wire(self, spec: HttpSpec, validators: Validators) -> Wire:
        try:
            return wire_of(spec, self._secret, validators)
        except SecretUnavailable as exc:
            raise FetchFailed(str(exc), reason="secret") from exc

    async def _ask(self, request: FetchRequest, method: str, wire: Wire) -> HttpResponse:
        try:
            return await self._door.request(
                HttpRequest(
                    url=wire.url,
                    method=method,
                    headers=wire.headers,
                    body=wire.body,
                    timeout=request.timeout,
                    max_bytes=request.max_bytes,
                )
            )
        except HttpFailed as exc:
            raise FetchFailed(str(exc), reason=exc.reason) from exc

    def _not_modified(self, sent: Validators, response: HttpResponse) -> NotModified:
        if not sent:
            raise FetchFailed(
                "Data source returned 304 to a request without conditions", reason="protocol"
            )
        return NotModified(
            validators=refreshed(sent, response.headers),
            hints=hints_of(response.headers, self._now()),
        )

    async def _fetched(self, response: HttpResponse, *, storable: bool) -> Fetched:
        kind = response.headers.get("Content-Type", "")
        if len(response.body) > LARGE:
            document, digest = await asyncio.to_thread(read_document, response.body, kind)
        else:
            document, digest = read_document(response.body, kind)
        return Fetched(
            document=document,
            body_hash=digest,
            validators=validators_of(response.headers) if storable else NO_VALIDATORS,
            hints=hints_of(response.headers, self._now()),
        )

    def _status_failure(self, response: HttpResponse) -> FetchFailed:
        status = response.status
        remark = _REMARKS.get(status)
        message = f"Data source returned {status}"
        return FetchFailed(
            f"{message}: {remark}" if remark else message,
            reason=_REASONS.get(status, "status"),
            retry_after=retry_after(response.headers, self._now()),
        )


def _same_origin(asked: str, answered: str) -> bool:
    """Whether validators of the answer mean something to the one who was asked."""
    return asked == answered or _origin(asked) == _origin(answered)


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
