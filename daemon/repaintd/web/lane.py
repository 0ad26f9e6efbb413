"""A short way for images and triggers: they come a thousand times as often as all the rest.

aiohttp's router, its match object and its chain of middlewares cost as much as answering. What
looks exactly like `GET /b/name.ext` or `POST /webhooks/uid` goes straight to whom it is for;
everything else, and everything unusual, takes the long way through the application, with the same
answers.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

from repaintd.web.middleware import check_host, translated

if TYPE_CHECKING:
    from repaintd.web.images import Images
    from repaintd.web.webhooks import Webhooks

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

UID: Final = r"[a-z0-9][a-z0-9._-]{0,63}"
PREFIX: Final = "/b/"
ROUTE: Final = "/b/{filename}"
WEBHOOK_ROUTE: Final = f"/webhooks/{{uid:{UID}}}"
_METHODS: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
_WEBHOOK: Final = re.compile(rf"/webhooks/({UID})(?:\?.*)?", re.DOTALL)


def with_short_way(images: Images, webhooks: Webhooks, long_way: Answer) -> Answer:
    """Answers like *long_way*, plain requests for images and plain triggers sooner."""

    async def short_way(
        request: web.BaseRequest,
        answer: Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]],
        name: str,
        route: str,
    ) -> web.StreamResponse:
        try:
            check_host(request)
            return await answer(request, name)
        except Exception as exc:  # noqa: BLE001  (the edge: every error becomes a document)
            return translated(request, exc, route)

    def answer(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        filename = plain_image(request.method, request.raw_path)
        if filename is not None:
            return short_way(request, images.image, filename, ROUTE)
        uid = plain_webhook(request.method, request.raw_path)
        if uid is not None and hdrs.EXPECT not in request.headers:
            return short_way(request, webhooks.receive, uid, WEBHOOK_ROUTE)
        return long_way(request)

    return answer


def plain_image(method: str, path: str) -> str | None:
    """The file name where the request is plainly for an image, else None."""
    if not path.startswith(PREFIX) or method not in _METHODS or "%" in path:
        return None
    name = path[len(PREFIX) :].partition("?")[0]
    return None if "/" in name else name


def plain_webhook(method: str, path: str) -> str | None:
    """The uid where the request is plainly a trigger, else None."""
    if method != hdrs.METH_POST:
        return None
    found = _WEBHOOK.fullmatch(path)
    return None if found is None else found[1]
