"""How inbound triggers of a binding prove themselves, and how they are gathered (contract B.10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundWebhook:
    """`webhook:` of a binding.

    Attributes:
        auth: `signature`; `token` when the secret itself is sent (GitLab's header, or Bearer);
            `none` when anybody who knows the URL may trigger.
        secrets: references to the keys, newest first; resolved at use.
        debounce: seconds without another trigger until a burst is answered with one more run; the
            first trigger after a quiet time runs at once.
        max_wait: seconds that the burst may put that run off in all.
        compressed: whether bodies with a Content-Encoding are taken.
    """

    auth: Literal["signature", "token", "none"] = "signature"
    secrets: tuple[str, ...] = field(default=(), repr=False)
    debounce: float = 1.0
    max_wait: float = 10.0
    compressed: bool = False
