"""Small answers in JSON, never to be stored by a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import hdrs, web

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADERS: Final = {
    hdrs.CONTENT_TYPE: "application/json",
    hdrs.CACHE_CONTROL: "no-store",
    "X-Content-Type-Options": "nosniff",
}


def json_answer(status: int, document: Mapping[str, Any]) -> web.Response:
    """The document as a response."""
    return web.Response(status=status, body=orjson.dumps(document), headers=_HEADERS)
