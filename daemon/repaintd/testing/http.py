"""An HTTP door that a plain function answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.plugin import HttpRequest, HttpResponse


class FakeHttp:
    """Implements `plugin.HttpDoor`; keeps every request.

    Args:
        app: answers a request, or raises HttpFailed.
    """

    def __init__(self, app: Callable[[HttpRequest], HttpResponse]) -> None:
        self._app = app
        self.requests: list[HttpRequest] = []

    async def request(self, request: HttpRequest) -> HttpResponse:
        """Ask the function."""
        self.requests.append(request)
        return self._app(request)
