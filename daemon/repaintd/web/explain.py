"""`/bindings/{uid}/explain`: why a binding did or did not refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repaintd.web.answer import json_answer
from repaintd.web.keys import require_key
from repaintd.web.problem import Problem, later

if TYPE_CHECKING:
    from aiohttp import web

    from repaintd.web.surface import Surface


class Explanations:
    """Tells those who have a key; errors of sources are not for everybody."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    async def show(self, request: web.Request) -> web.Response:
        """The document.

        Raises:
            Problem: no key, no such binding, or not now.
        """
        require_key(request)
        explainer = self._surface.explainer
        if explainer is None:
            raise later("Nothing is explained yet.")
        document = await explainer.explain(request.match_info["uid"])
        if document is None:
            raise Problem(404, "binding-not-found", "There is no binding with this uid.")
        return json_answer(200, document)
