"""Says which trigger was turned away and why: for operators, never with what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from aiohttp import web

    from repaintd.metrics import Metrics

_SHOWN: Final = 64  # characters of a stranger's words

log = structlog.get_logger("repaintd.web")


def note_refusal(request: web.BaseRequest, metrics: Metrics, uid: str, reason: str) -> None:
    """Count it and log it, at level debug because strangers can do it as often as they like.

    Args:
        request: whose.
        metrics: where it is counted.
        uid: of the binding that was meant, whether there is one or not.
        reason: a word from a bounded set.
    """
    metrics.count_rejected(reason)
    log.debug("webhook refused", reason=reason, binding=uid[:_SHOWN], remote=request.remote)
