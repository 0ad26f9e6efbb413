"""Says who was turned away and why: for operators, never with what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from aiohttp import web

    from repaintd.metrics import Metrics

_SHOWN: Final = 64  # characters of a stranger's words

log = structlog.get_logger("repaintd.web")


def refused(request: web.BaseRequest, metrics: Metrics, what: str, reason: str, name: str) -> None:
    """Count it and log it, at level debug because strangers can do it as often as they like.

    Args:
        request: whose.
        metrics: where it is counted.
        what: was refused.
        reason: a word from a bounded set.
        name: of the binding that was meant, whether there is one or not.
    """
    log.debug(what, reason=reason, binding=name[:_SHOWN], remote=request.remote)
    count: Any = getattr(metrics, "count_rejected", None)
    if count is not None:
        count(reason)
