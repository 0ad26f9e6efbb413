"""`POST /-/reload`: read the configuration again, and say what came of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from repaintd.errors import RepaintdError
from repaintd.web.answer import json_answer
from repaintd.web.keys import require_key
from repaintd.web.problem import Problem, later

if TYPE_CHECKING:
    from aiohttp import web

    from repaintd.web.surface import Reload, Reloaded, Surface

_LONGEST: Final = 120.0


class ReloadOrders:
    """Takes the word of those who have a key that the configuration has to be read again."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    async def serve(self, request: web.Request) -> web.Response:
        """200 with what was applied, null where nothing had changed; 422 with the problems.

        Raises:
            Problem: no key, a configuration that cannot be used, or not now.
        """
        require_key(request)
        reload = self._surface.reload
        if reload is None:
            raise later("The configuration cannot be read again yet.")
        reloaded = await _reloaded(reload)
        if reloaded.rejected is not None:
            raise _rejected(reloaded)
        if reloaded.applied is None:
            return json_answer(200, {"applied": None, "unchanged": True})
        return json_answer(200, {"applied": dict(reloaded.applied)})


async def _reloaded(reload: Reload) -> Reloaded:
    try:
        async with asyncio.timeout(_LONGEST):
            return await reload.reload()
    except TimeoutError:
        raise later("The reload goes on, but did not end in time; look at the log.") from None
    except RepaintdError as error:
        raise later(f"The configuration could not be read again: {error}.") from error


def _rejected(reloaded: Reloaded) -> Problem:
    members = dict(reloaded.rejected or {})
    count = members.get("count", 0)
    what = "a problem" if count == 1 else f"{count:,} problems"
    detail = f"The configuration has {what} and was not applied; the active one stays."
    return Problem(422, "configuration-rejected", detail, members=members)
