"""How senders of webhooks prove themselves: the headers that each of them sends."""

from __future__ import annotations

import secrets
import time
from typing import Final

from repaintd.core.signing import sign_pictify, sign_plain, sign_standard

STANDARD: Final = "standard"
GITLAB: Final = "gitlab"
SENDERS: Final = (STANDARD, "github", "pictify", GITLAB)


def proof(sender: str, secret: str, body: bytes) -> dict[str, str]:
    """The headers of a new message; without a secret, those that prove nothing.

    Raises:
        ValueError: the secret cannot sign; the message says what one looks like.
    """
    now, name = int(time.time()), secrets.token_hex(12)
    match sender:
        case "github":
            signature = {"X-Hub-Signature-256": sign_plain(secret, body)} if secret else {}
            return {"X-GitHub-Event": "push", "X-GitHub-Delivery": name, **signature}
        case "pictify":
            return {"X-Pictify-Signature": sign_pictify(secret, body, now)} if secret else {}
        case "gitlab":
            token = {"X-Gitlab-Token": secret} if secret else {}
            return {"X-Gitlab-Event": "Push Hook", **token}
        case _:
            name = f"msg_{name}"
            signed = {"webhook-signature": sign_standard(secret, name, body, now)} if secret else {}
            return {"webhook-id": name, "webhook-timestamp": str(now), **signed}
