"""Tells one subscriber."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Final

from repaintd.plugin import (
    Delivered,
    DeliveryFailed,
    HttpFailed,
    HttpRequest,
    SecretUnavailable,
)
from repaintd_webhooks.message import headers_of
from repaintd_webhooks.retry_after import retry_after
from repaintd_webhooks.target import origin_of, resolved

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.plugin import (
        DeliveryPolicy,
        HttpDoor,
        HttpResponse,
        Secret,
        StoredEvent,
        Subscription,
    )

MOST_ANSWER: Final = 16 * 1024
_SUCCESS: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
_GONE: Final = 410


class WebhookSink:
    """Implements `repaintd.plugin.EventSink` for one subscription.

    Args:
        subscription: who is told of what; it has at least one secret.
        policy: how the daemon delivers.
        door: the way out.
        secret: resolves the references in a text; raises SecretUnavailable.
        now: seconds since the epoch, for signatures and Retry-After dates.
    """

    def __init__(
        self,
        subscription: Subscription,
        policy: DeliveryPolicy,
        door: HttpDoor,
        secret: Callable[[str], Secret],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.policy = policy
        self.fingerprint = _fingerprint(subscription)
        self.held = subscription.status == "paused"
        self._subscription = subscription
        self._door = door
        self._secret = secret
        self._now = now

    def wants(self, event: StoredEvent) -> bool:
        """Whether it is subscribed to and passes all filters (contract E.5)."""
        of = self._subscription
        return (
            of.names(event.name)
            and of.binding_id in (None, event.uid)
            and (of.template_id is None or of.template_id == _template_of(event.body))
        )

    async def deliver(self, event: StoredEvent) -> Delivered:
        """Post the event's very bytes once, with a fresh signature; 2xx means that it arrived.

        Raises:
            DeliveryFailed: it did not, or nobody knows.
        """
        try:
            response = await self._door.request(self._request(event))
        except (HttpFailed, SecretUnavailable) as exc:
            raise DeliveryFailed(str(exc)) from exc
        if response.status in _SUCCESS:
            return Delivered(status=response.status)
        raise self._failure(response)

    def _request(self, event: StoredEvent) -> HttpRequest:
        of = self._subscription
        secrets = [self._secret(reference).reveal() for reference in of.secrets]
        try:
            headers = headers_of(event, of.uid, secrets, int(self._now()))
        except ValueError as exc:
            raise DeliveryFailed(f"the message cannot be signed: {exc}") from exc
        return HttpRequest(
            url=resolved(of.target_url, self._secret),
            method="POST",
            headers=headers,
            body=event.body,
            timeout=self.policy.timeout,
            max_bytes=MOST_ANSWER,
            max_redirects=0,
            glimpse=True,
        )

    def _failure(self, response: HttpResponse) -> DeliveryFailed:
        status = response.status
        message = f"{origin_of(response.url)} answered {status}"
        if status in _REDIRECTS:
            message += "; redirects are not followed: give the final address as targetUrl"
        elif status == _GONE:
            message += " Gone: the receiver wants no more messages"
        return DeliveryFailed(
            message,
            status=status,
            retry_after=retry_after(response.headers, self._now()),
            gone=status == _GONE,
        )


def _fingerprint(subscription: Subscription) -> str:
    """Hash of the definition as written, for secrets may stand there in clear."""
    written = json.dumps(
        [
            subscription.events,
            subscription.target_url,
            subscription.template_id,
            subscription.binding_id,
            subscription.secrets,
            subscription.status,
        ]
    )
    return hashlib.blake2b(written.encode(), digest_size=16).hexdigest()


def _template_of(body: bytes) -> str | None:
    """The event's `data.templateId`; None for events that are not about a template."""
    try:
        template = json.loads(body)["data"]["templateId"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return template if isinstance(template, str) else None
