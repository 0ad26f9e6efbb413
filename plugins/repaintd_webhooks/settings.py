"""`plugins.webhooks` of repaintd.yaml."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from repaintd.plugin import DeliveryPolicy, SpecModel
from repaintd.plugin.quantities import Seconds

JITTER: Final = 0.2


class WebhookSettings(SpecModel):
    """How subscriptions are served; the defaults are the schedule of contract E.3."""

    retries: tuple[Annotated[Seconds, Field(ge=1, le=7 * 86_400)], ...] = Field(
        default=(60.0, 300.0, 1_800.0, 7_200.0, 86_400.0),
        min_length=1,
        max_length=20,
        description="from each failed attempt to the next, lengthened or shortened by up to 20 %; "
        "after the last one the delivery is given up and kept for replay",
    )
    timeout: Annotated[Seconds, Field(ge=1, le=60)] = Field(
        default=15.0, description="for one attempt, all of it"
    )
    concurrency: int = Field(
        default=8,
        ge=1,
        le=32,
        strict=True,
        description="attempts at a time to one subscription; "
        "those about one binding always come one after the other",
    )
    disable_after: int = Field(
        default=5,
        ge=0,
        le=1000,
        strict=True,
        description="deliveries given up in a row until the subscription is; 0 for never",
    )

    def policy(self) -> DeliveryPolicy:
        """The same for the daemon, which sees to it."""
        return DeliveryPolicy(
            retries=self.retries,
            jitter=JITTER,
            timeout=self.timeout,
            concurrency=self.concurrency,
            disable_after=self.disable_after,
        )
