"""Signatures of webhooks, for both directions: what a sender writes is what a receiver compares.

All are HMAC-SHA-256 over the raw bytes of the body. Sources: GitHub's "Validating webhook
deliveries", contract E.3, and the Standard Webhooks specification 1.0.
"""

from __future__ import annotations

import base64
import hmac
from typing import Final

_STANDARD_PREFIX: Final = "whsec_"


def sign_plain(secret: str, body: bytes) -> str:
    """`sha256=<hex>`, as in `X-Hub-Signature-256` and `X-Webhook-Signature`."""
    return f"sha256={_hex(secret, body)}"


def sign_pictify(secret: str, body: bytes, at: int) -> str:
    """`t=<at>,v1=<hex>`, as in `X-Pictify-Signature` (contract E.3).

    The key is the whole secret, a `whsec_` before it included; *at* is in seconds since the epoch.
    """
    return f"t={at},v1={pictify_digest(secret, body, str(at))}"


def pictify_digest(secret: str, body: bytes, at: str) -> str:
    """The `v1` of `X-Pictify-Signature` for a time as it is written there."""
    return _hex(secret, b"%b.%b" % (_bytes(at), body))


def sign_standard(secret: str, message_id: str, body: bytes, at: int) -> str:
    """`v1,<base64>`, as in `webhook-signature`; *at* is in seconds since the epoch.

    While secrets are changed the header holds one signature for each, with spaces between.

    Raises:
        ValueError: the secret is malformed; the message says what one looks like.
    """
    return standard_signature(standard_key(secret), message_id, body, str(at))


def standard_signature(key: bytes, message_id: str, body: bytes, at: str) -> str:
    """The same for a key, and a time as it is written in `webhook-timestamp`."""
    message = b"%b.%b.%b" % (_bytes(message_id), _bytes(at), body)
    digest = hmac.digest(key, message, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def standard_key(secret: str) -> bytes:
    """The key that a secret stands for: what `whsec_` is followed by is base64, the rest is text.

    Raises:
        ValueError: the base64 is none; the message says what to do, and holds nothing of it.
    """
    if not secret.startswith(_STANDARD_PREFIX):
        return _bytes(secret)
    try:
        key = base64.b64decode(secret.removeprefix(_STANDARD_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise ValueError(
            f"begins with {_STANDARD_PREFIX}, but what follows is no base64; "
            f'make one with: echo "{_STANDARD_PREFIX}$(openssl rand -base64 32)"'
        )
    return key


def _hex(secret: str, message: bytes) -> str:
    return hmac.digest(_bytes(secret), message, "sha256").hex()


def _bytes(text: str) -> bytes:
    """Back to the bytes that came from the environment or the network, sound UTF-8 or not."""
    return text.encode("utf-8", "surrogateescape")
