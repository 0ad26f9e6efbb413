"""One signed message (contract E.3; Standard Webhooks 1.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from repaintd.plugin import delivery_id, sign_pictify, sign_standard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from repaintd.plugin import StoredEvent

SINK_PREFIX: Final = "webhooks/"


def headers_of(
    event: StoredEvent, subscription_uid: str, secrets: Sequence[str], at: int
) -> Mapping[str, str]:
    """The headers that go with the event's bytes.

    `X-Pictify-Signature` has room for one signature, as its receivers read exactly two pairs: it is
    the newest secret's. `webhook-signature` holds one for each.

    Args:
        event: its id and its body are the same on every attempt.
        subscription_uid: of whom it goes to.
        secrets: in clear, newest first, at least one.
        at: of this attempt, seconds since the epoch: receivers refuse what is 5 min off.

    Raises:
        ValueError: a secret cannot sign; the message says which and why.
    """
    return {
        "Content-Type": "application/json",
        # Answers are not read, only passed over; that is cheaper when they are not compressed.
        "Accept-Encoding": "identity",
        "X-Pictify-Event": event.name,
        "X-Pictify-Delivery-Id": delivery_id(f"{SINK_PREFIX}{subscription_uid}", event.id),
        "X-Pictify-Signature": sign_pictify(secrets[0], event.body, at),
        "webhook-id": event.id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(_signatures(event, secrets, at)),
    }


def _signatures(event: StoredEvent, secrets: Sequence[str], at: int) -> list[str]:
    signatures = []
    for number, secret in enumerate(secrets, 1):
        try:
            signatures.append(sign_standard(secret, event.id, event.body, at))
        except ValueError as exc:
            raise ValueError(f"secret {number} of {len(secrets)} {exc}") from exc
    return signatures
