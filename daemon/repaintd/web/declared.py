"""`GET /-/config`: the active configuration, to be compared with another one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

from repaintd.web.keys import require_key
from repaintd.web.problem import invalid, later

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from repaintd.web.surface import Surface

_LONGEST: Final = 64
"""Characters of a uid."""
_HEADERS: Final = {
    hdrs.CONTENT_TYPE: "application/json",
    hdrs.CACHE_CONTROL: "no-store",
    "X-Content-Type-Options": "nosniff",
}


class DeclaredPages:
    """Tells those who have a key; pages are made beside the event loop, one at a time."""

    def __init__(self, surface: Surface, builders: Executor) -> None:
        self._surface = surface
        self._builders = builders

    async def show(self, request: web.Request) -> web.Response:
        """The page behind the binding in `after`; without it, the first.

        Raises:
            Problem: no key, no uid, or not now.
        """
        require_key(request)
        declared = self._surface.declared
        if declared is None:
            raise later("The configuration is not told yet.")
        after = request.query.get("after", "")
        if len(after) > _LONGEST:
            raise invalid("after", "Must be the uid of a binding")
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(self._builders, declared, after)
        return web.Response(body=body, headers=_HEADERS)
