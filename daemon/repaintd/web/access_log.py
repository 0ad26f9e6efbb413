"""The access log: for debugging only, because a busy image is asked for all the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from aiohttp.abc import AbstractAccessLogger

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest, StreamResponse

log = structlog.get_logger("repaintd.web.access")

_MILLISECONDS: Final = 1000


class DebugAccessLogger(AbstractAccessLogger):
    """One line at level debug for each answer; the query is left out, it may hold secrets."""

    def log(self, request: BaseRequest, response: StreamResponse, time: float) -> None:
        """Called by aiohttp when the answer is written."""
        log.debug(
            "request",
            method=request.method,
            path=request.path,
            status=response.status,
            bytes=response.body_length,
            ms=round(time * _MILLISECONDS, 1),
            remote=request.remote,
        )
