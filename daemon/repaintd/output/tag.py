"""Entity tags of images."""

from __future__ import annotations

import hashlib
from typing import Final

_LENGTH: Final = 32


def entity_tag(body: bytes) -> str:
    """The strong entity tag of exactly these bytes, without quotes (RFC 9110 section 8.8.3)."""
    return hashlib.sha256(body).hexdigest()[:_LENGTH]
