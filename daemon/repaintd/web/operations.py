"""The paths for operators: state, metrics, health."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import hdrs, web

from repaintd.core.status import Daemon, binding_document, head_document
from repaintd.core.view import Tally
from repaintd.metrics.exposition import Variant, negotiate
from repaintd.web.conditional import Verdict, verdict
from repaintd.web.page import Document, Pages
from repaintd.web.problem import Problem
from repaintd.web.query import flag
from repaintd.web.surface import Check, Readiness

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from concurrent.futures import Executor

    from repaintd.core.view import View
    from repaintd.web.surface import Surface

_JSON: Final = "application/json"
_NOSNIFF: Final = {"X-Content-Type-Options": "nosniff"}
_INDEX: Final = """\
repaintd keeps images in step with the data they show.

/b/{uid}.{ext}   the image of a binding
/status.json     the daemon's state; ?uid= for one binding, ?bindings=false for the totals alone
/metrics         for Prometheus
/livez           whether the process makes progress
/readyz          whether it can do its work

POST /webhooks/{uid}     an inbound trigger, which proves itself as its binding demands

With an API key (Authorization: Bearer):

/events                  server-sent events; ?binding= and ?event= filter, ?since= resumes
/deliveries              what was told to whom; ?failed=true, ?subscription=, ?limit=
POST /deliveries/{id}/replay                 deliver again, by delivery or event
POST /webhook-subscriptions/{uid}/resume     after it was given up
/bindings/{uid}/explain                      why it did or did not refresh
POST /bindings/{uid}/refresh                 refresh now; ?wait=SECONDS for the outcome
POST /-/reload                               read the configuration again
/-/config                                    the active configuration, to be compared

All but the first five and the last two are also under /v1.
"""


class Operations:
    """Answers operators and their machines."""

    def __init__(self, surface: Surface, executor: Executor) -> None:
        self._surface = surface
        kept_for = surface.page_lifetime
        self._status = Pages[bool](self._prepare_status, executor, kept_for)
        self._metrics = Pages[Variant](self._prepare_metrics, executor, kept_for)

    async def index(self, _request: web.Request) -> web.Response:
        """The paths there are."""
        return web.Response(text=_INDEX, headers=_NOSNIFF)

    async def status(self, request: web.Request) -> web.Response:
        """The daemon's state as JSON, with an entity tag."""
        uid = request.query.get("uid")
        if uid is None:
            document = await self._status.read(flag(request.query, "bindings", default=True))
        else:
            document = self._one(uid)
        headers = {hdrs.ETAG: document.etag, hdrs.CACHE_CONTROL: "no-cache", **_NOSNIFF}
        match verdict(request.headers, document.etag, modified=None):
            case Verdict.NOT_MODIFIED:
                return web.Response(status=304, headers=headers)
            case Verdict.FAILED:
                raise Problem(412, "precondition-failed", "The state has changed since.")
        return web.Response(body=document.body, content_type=_JSON, headers=headers)

    async def metrics(self, request: web.Request) -> web.Response:
        """All series, in the format and coding that the scraper takes."""
        variant = negotiate(
            ",".join(request.headers.getall(hdrs.ACCEPT, ())),
            ",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ())),
        )
        document = await self._metrics.read(variant)
        headers = {
            hdrs.CONTENT_TYPE: variant.content_type,
            hdrs.VARY: "Accept, Accept-Encoding",
            hdrs.CACHE_CONTROL: "no-store",
            **_NOSNIFF,
        }
        if variant.gzip:
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        return web.Response(body=document.body, headers=headers)

    async def live(self, _request: web.Request) -> web.Response:
        """200 while the process makes progress, else 503."""
        return _health(await self._within(self._surface.health.live))

    async def ready(self, _request: web.Request) -> web.Response:
        """200 while the daemon can do its work, else 503; the body says what is wrong."""
        return _health(await self._within(self._surface.health.ready))

    def _one(self, uid: str) -> Document:
        view = self._surface.bindings.get(uid)
        if view is None:
            raise Problem(404, "binding-not-found", "There is no binding with this uid.")
        tally = self._surface.metrics.tallies().get(uid, Tally())
        return Document.of(orjson.dumps(binding_document(view, tally, self._surface.public_url)))

    async def _prepare_status(self, bindings: bool) -> Callable[[], bytes]:
        surface = self._surface
        readiness = await self._within(surface.health.ready)
        daemon = Daemon(
            version=surface.version,
            started_at=surface.started_at,
            now=surface.clock.now(),
            ready=readiness.ok,
            public_url=surface.public_url,
        )
        views, tallies = tuple(surface.bindings.all()), surface.metrics.tallies()
        events, retired = surface.metrics.events(), surface.metrics.retired()
        head = partial(head_document, views, tallies, daemon, events=events, retired=retired)
        if not bindings:
            return lambda: orjson.dumps(head())
        return lambda: _whole(head(), views, tallies, daemon.public_url)

    async def _prepare_metrics(self, variant: Variant) -> Callable[[], bytes]:
        return self._surface.metrics.exposition(self._surface.bindings.all(), variant)

    async def _within(self, look: Callable[[], Awaitable[Readiness]]) -> Readiness:
        seconds = self._surface.health_timeout
        try:
            async with asyncio.timeout(seconds):
                return await look()
        except TimeoutError:
            silence = Check(ok=False, detail=f"no answer within {seconds:g} s")
            return Readiness(ok=False, checks={"health": silence})


def _whole(
    head: dict[str, Any], views: tuple[View, ...], tallies: Mapping[str, Tally], public_url: str
) -> bytes:
    """`status_document` in JSON, binding by binding: one great dump would hold the GIL too long."""
    nothing = Tally()
    parts = [orjson.dumps(head)[:-1], b',"bindings":[']
    for view in views:
        tally = tallies.get(view.binding.uid, nothing)
        parts += (orjson.dumps(binding_document(view, tally, public_url)), b",")
    parts[-1] = b"]}" if views else b',"bindings":[]}'
    return b"".join(parts)


def _health(readiness: Readiness) -> web.Response:
    checks = {n: {"ok": c.ok, "detail": c.detail} for n, c in readiness.checks.items()}
    return web.Response(
        status=200 if readiness.ok else 503,
        body=orjson.dumps({"ok": readiness.ok, "checks": checks}),
        content_type=_JSON,
        headers={hdrs.CACHE_CONTROL: "no-store", **_NOSNIFF},
    )
