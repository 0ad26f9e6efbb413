"""`POST /bindings/{uid}/refresh`: a refresh by hand (contract B.12)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from repaintd.core.state import Status
from repaintd.core.status import binding_document, image_url
from repaintd.web.answer import json_answer
from repaintd.web.keys import require_key
from repaintd.web.problem import Problem, later
from repaintd.web.query import number

if TYPE_CHECKING:
    from aiohttp import web

    from repaintd.web.surface import Intake, Refreshed, Surface

_LONGEST: Final = 60
_SPARE: Final = 25.0  # seconds to make the trigger durable


class Refreshes:
    """Takes the word of those who have a key that an image has to be made anew."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    async def serve(self, request: web.Request) -> web.Response:
        """202 at once; with `?wait=` seconds 200 and what became of it.

        Raises:
            Problem: no key, no such binding, or not now.
        """
        require_key(request)
        wait = number(request.query, "wait", 1, _LONGEST)
        intake = self._surface.intake
        if intake is None:
            raise later("Triggers are not taken yet.")
        refreshed = await _refreshed(intake, request.match_info["uid"], wait or 0)
        if wait is None or not refreshed.queued:
            return json_answer(202, self._head(refreshed))
        outcome = {"changed": refreshed.changed, "binding": self._binding(refreshed)}
        return json_answer(200, {**self._head(refreshed), **outcome})

    def _head(self, refreshed: Refreshed) -> dict[str, Any]:
        binding = refreshed.view.binding
        url = image_url(self._surface.public_url, binding)
        return {
            "status": _status(refreshed),
            "bindingId": binding.uid,
            "refreshId": refreshed.refresh_id or None,
            "queued": refreshed.queued,
            "imageUrl": url,
            "renderUrl": url,
        }

    def _binding(self, refreshed: Refreshed) -> dict[str, Any]:
        view, surface = refreshed.view, self._surface
        return binding_document(view, surface.metrics.tally(view.binding.uid), surface.public_url)


async def _refreshed(intake: Intake, uid: str, wait: float) -> Refreshed:
    """What became of it.

    Raises:
        Problem: there is no such binding, or the trigger could not be made durable in time.
    """
    try:
        async with asyncio.timeout(wait + _SPARE):
            refreshed = await intake.refresh(uid, wait)
    except TimeoutError:
        raise later("The refresh could not be queued in time.") from None
    if refreshed is None:
        raise Problem(404, "binding-not-found", "There is no binding with this uid.")
    return refreshed


def _status(refreshed: Refreshed) -> str:
    if not refreshed.queued:
        return "paused"
    if not refreshed.done:
        return "refreshing"
    return "failed" if refreshed.view.status is Status.ERROR else "refreshed"
