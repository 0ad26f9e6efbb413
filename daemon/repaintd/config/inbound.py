"""How inbound triggers of a binding prove themselves (contract B.10)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundWebhook:
    """`webhook:` of a binding.

    Attributes:
        auth: `signature`, or `none` when anybody who knows the URL may trigger.
        secrets: references to the keys of signatures, newest first; resolved at use.
    """

    auth: Literal["signature", "none"] = "signature"
    secrets: tuple[str, ...] = field(default=(), repr=False)
