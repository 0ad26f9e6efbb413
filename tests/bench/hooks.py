"""Triggers as GitHub would send them: signed in advance, as the bytes of whole requests."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from bench.source_server import document

SECRET: Final = "a-secret-of-the-bench"


def signature(body: bytes) -> str:
    """The value of `X-Hub-Signature-256`."""
    return f"sha256={hmac.digest(SECRET.encode(), body, hashlib.sha256).hex()}"


def trigger(uid: str, number: int) -> bytes:
    """The request that pushes that document to a binding, and is another one than all before."""
    body = document(number)
    lines = [
        f"POST /webhooks/{uid} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"X-Hub-Signature-256: {signature(body)}",
        "X-GitHub-Event: star",
        f"X-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-{number:012d}",
        "User-Agent: GitHub-Hookshot/044aadd",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
