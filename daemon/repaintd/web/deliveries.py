"""`/deliveries`: what was told to whom, and telling it again (contract E.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from repaintd.core.event import iso
from repaintd.web.answer import json_answer
from repaintd.web.keys import require_key
from repaintd.web.problem import Problem, invalid, later
from repaintd.web.query import flag, number

if TYPE_CHECKING:
    from aiohttp import web

    from repaintd.core.delivery import DeliveryRecord
    from repaintd.web.surface import Deliveries, Surface

_MOST: Final = 1000
_USUAL: Final = 100
_MILLISECONDS: Final = 1000
_SUBSCRIPTIONS: Final = "webhooks/"
"""How the daemon names the sinks of subscriptions."""
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class DeliveryLog:
    """Shows those who have a key what was delivered, and delivers again."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    async def show(self, request: web.Request) -> web.Response:
        """The latest attempts, latest first."""
        require_key(request)
        query, subscription = request.query, request.query.get("subscription")
        if subscription is not None and not _NAME.fullmatch(subscription):
            raise invalid("subscription", "Must be the uid of a subscription")
        records = await self._deliveries().deliveries(
            sink=None if subscription is None else _SUBSCRIPTIONS + subscription,
            failed=flag(query, "failed", default=False),
            limit=number(query, "limit", 1, _MOST) or _USUAL,
        )
        return json_answer(200, {"deliveries": [delivery_document(each) for each in records]})

    async def replay(self, request: web.Request) -> web.Response:
        """Deliver again what has this delivery or event id."""
        require_key(request)
        queued = await self._deliveries().replay(request.match_info["id"])
        if not queued:
            detail = "There is no delivery with this id, and no event that a subscription wants."
            raise Problem(404, "not-found", detail)
        return json_answer(202, {"queued": queued})

    async def resume(self, request: web.Request) -> web.Response:
        """Make a subscription active again that was given up."""
        require_key(request)
        uid = request.match_info["uid"]
        if not await self._deliveries().resume(_SUBSCRIPTIONS + uid):
            raise Problem(404, "not-found", "There is no subscription with this uid.")
        return json_answer(200, {"uid": uid, "status": "active"})

    def _deliveries(self) -> Deliveries:
        found = self._surface.deliveries
        if found is None:
            raise later("Deliveries are not to be seen just now.")
        return found


def delivery_document(record: DeliveryRecord) -> dict[str, Any]:
    """One attempt; `subscription` is null for receivers that are no outgoing webhooks."""
    sink = record.sink
    is_subscription = sink.startswith(_SUBSCRIPTIONS)
    return {
        "deliveryId": record.id,
        "sink": sink,
        "subscription": sink.removeprefix(_SUBSCRIPTIONS) if is_subscription else None,
        "eventId": record.event_id,
        "event": record.event,
        "bindingId": record.uid,
        "attempt": record.attempt,
        "at": iso(record.at),
        "status": record.status,
        "durationMs": round(record.seconds * _MILLISECONDS, 1),
        "error": record.error or None,
        "nextRetry": iso(record.next_at),
        "dead": record.dead,
    }
