"""Errors as every client gets them: RFC 9457 problem documents, contract D.1 and D.3."""

from __future__ import annotations

import math
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import hdrs, web

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE: Final = "application/problem+json"
BUSY: Final = "busy"
_TYPES: Final = "https://docs.pictify.io/errors/"
_DOCUMENTED: Final = frozenset(
    {
        "binding-not-found",
        "invalid-api-key",
        "render-failed",
        "url-fetch-failed",
        "validation-error",
    }
)


class Problem(Exception):
    """A request that cannot be answered as asked; the listener sends it as a problem document.

    Args:
        status: of the response.
        slug: names the kind of problem, words joined by hyphens.
        detail: what failed, why, and what to do, for strangers.
        headers: more headers of the response.
        members: more members of the document.
        close: whether the connection ends with it, because its client cannot be trusted.
        reason: a word from a bounded set, for logs and metrics alone.
    """

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
        close: bool = False,
        reason: str = "",
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.slug = slug
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = dict(members or {})
        self.close = close
        self.reason = reason
        self.request_id = secrets.token_hex(8)

    def document(self, instance: str) -> dict[str, Any]:
        """The body: `error` and `message` repeat the detail for clients that look there."""
        documented = self.slug in _DOCUMENTED
        phrase = HTTPStatus(self.status).phrase
        return {
            "type": f"{_TYPES}{self.slug}" if documented else "about:blank",
            "title": self.slug.replace("-", " ").title() if documented else phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "message": self.detail,
            "error": self.detail,
            "code": self.slug.replace("-", "_"),
            "requestId": self.request_id,
            **self._retry_after(),
            **self.members,
        }

    def response(self, instance: str) -> web.Response:
        """The response, never to be stored by a cache."""
        headers = {
            hdrs.CONTENT_TYPE: MEDIA_TYPE,
            hdrs.CACHE_CONTROL: "no-store",
            "X-Content-Type-Options": "nosniff",
            **self.headers,
        }
        body = orjson.dumps(self.document(instance))
        response = web.Response(status=self.status, body=body, headers=headers)
        if self.close:
            response.force_close()
        return response

    def raw(self) -> bytes:
        """The whole response as bytes for a connection that is closed after it."""
        body = orjson.dumps(self.document(""))
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"{hdrs.CONTENT_TYPE}: {MEDIA_TYPE}",
            f"{hdrs.CONTENT_LENGTH}: {len(body)}",
            f"{hdrs.CACHE_CONTROL}: no-store",
            f"{hdrs.CONNECTION}: close",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join((*lines, "", "")).encode() + body

    def _retry_after(self) -> dict[str, int]:
        value = self.headers.get(hdrs.RETRY_AFTER)
        return {} if value is None else {"retryAfter": int(value), "retry_after": int(value)}


def later(detail: str, seconds: float | None = None, *, close: bool = False) -> Problem:
    """What cannot be done now, but after some *seconds*, if that is known."""
    wait = str(max(1, math.ceil(seconds or 1)))
    headers: dict[str, str] = {hdrs.RETRY_AFTER: wait}
    return Problem(503, "service-unavailable", detail, headers=headers, close=close, reason=BUSY)


def invalid(name: str, message: str) -> Problem:
    """A parameter that is not what it has to be."""
    error = {"field": name, "message": message, "code": "invalid_format"}
    detail = f"{name}: {message[0].lower()}{message[1:]}."
    return Problem(400, "validation-error", detail, members={"errors": [error]})


def from_status(status: int, headers: Mapping[str, str] | None = None) -> Problem:
    """The problem that a bare status code stands for."""
    phrase = HTTPStatus(status)
    slug = phrase.phrase.lower().replace(" ", "-")
    return Problem(status, slug, f"{phrase.description or phrase.phrase}.", headers=headers)
