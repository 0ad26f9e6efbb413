"""A short way to the images: they are asked for a thousand times as often as all the rest.

aiohttp's router, its match object and its chain of middlewares cost as much as answering. What
looks exactly like `GET /b/name.ext` goes straight to the images; everything else, and everything
unusual, takes the long way through the application, with the same answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

from repaintd.web.middleware import check_host, translated

if TYPE_CHECKING:
    from repaintd.web.images import Images

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

PREFIX: Final = "/b/"
ROUTE: Final = "/b/{filename}"
_METHODS: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})


def with_short_way(images: Images, long_way: Answer) -> Answer:
    """Answers like *long_way*, plain requests for images sooner."""

    async def short_way(request: web.BaseRequest, filename: str) -> web.StreamResponse:
        try:
            check_host(request)
            return await images.image(request, filename)
        except Exception as exc:  # noqa: BLE001  (the edge: every error becomes a document)
            return translated(request, exc, ROUTE)

    def answer(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        filename = plain_image(request.method, request.raw_path)
        return long_way(request) if filename is None else short_way(request, filename)

    return answer


def plain_image(method: str, path: str) -> str | None:
    """The file name where the request is plainly for an image, else None."""
    if not path.startswith(PREFIX) or method not in _METHODS or "%" in path:
        return None
    name = path[len(PREFIX) :].partition("?")[0]
    return None if "/" in name else name
