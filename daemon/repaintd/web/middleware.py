"""Turns everything that goes wrong with a request into a problem document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import hdrs, web

from repaintd.errors import RepaintdError, StoreUnavailable
from repaintd.web.problem import Problem, from_status, later

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

_HOST: Final = re.compile(r"[A-Za-z0-9.\-_~%!$&'()*+,;=:\[\]]*")
_ERRORS: Final = 400
_PUT_OFF: Final = "This cannot be done just now; nothing was changed. Try again in a moment."

log = structlog.get_logger("repaintd.web")


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with a problem document for every error; tell strangers nothing of the unexpected."""
    try:
        check_host(request)
        return await handler(request)
    except Exception as exc:  # noqa: BLE001  (the edge: every error becomes a document)
        return translated(request, exc, _route(request))


def check_host(request: web.BaseRequest) -> None:
    """Insist on a well-formed Host (RFC 9112 section 3.2); aiohttp has seen that it is only one.

    Raises:
        Problem: it could mislead somebody.
    """
    if not _HOST.fullmatch(request.headers.get(hdrs.HOST, "")):
        raise Problem(400, "bad-request", "The Host header is not a host.", close=True)


def translated(request: web.BaseRequest, exc: Exception, route: str) -> web.StreamResponse:
    """The answer that *exc* comes to; raised again where an answer is no longer possible.

    *route* is for the log: the pattern and not the path, which may be as good as a secret.
    """
    if isinstance(exc, Problem):
        return exc.response(request.path)
    if isinstance(exc, web.HTTPException):
        if exc.status < _ERRORS:
            raise exc
        return from_status(exc.status, _kept(exc)).response(request.path)
    if _gone(request, exc):
        raise exc
    if _passes(exc):
        log.debug("request put off", route=route, reason=str(exc))
        return later(_PUT_OFF, getattr(exc, "retry_after", None)).response(request.path)
    return _unexpected(request, exc, route)


def _kept(refusal: web.HTTPException) -> dict[str, str]:
    return {"Allow": refusal.headers[hdrs.ALLOW]} if hdrs.ALLOW in refusal.headers else {}


def _gone(request: web.BaseRequest, exc: Exception) -> bool:
    """Whether there is nobody left to answer, or half an answer is on its way already."""
    gone = isinstance(exc, ConnectionError) and request.transport is None
    return gone or request.writer.output_size > 0


def _passes(exc: Exception) -> bool:
    """Whether it is to be expected that the same request succeeds later."""
    return isinstance(exc, StoreUnavailable) or (
        isinstance(exc, RepaintdError) and hasattr(exc, "retry_after")
    )


def _unexpected(request: web.BaseRequest, exc: Exception, route: str) -> web.Response:
    problem = from_status(500)
    log.error(
        "request failed",
        method=request.method,
        route=route,
        request_id=problem.request_id,
        exc_info=exc,
    )
    return problem.response(request.path)


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else "?"
