"""An outgoing webhook subscription declared in Git (contract E.1)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from repaintd.config.texts import SigningSecret, TargetUrl, TemplateId, Uid
from repaintd.core import subscription
from repaintd.plugin import SpecModel

EventName = Literal[
    "binding.updated",
    "binding.failed",
    "binding.stale",
    "binding.fresh",
    "binding.*",
    "render.completed",
    "render.failed",
    "batch.completed",
    "batch.failed",
    "webhook.disabled",
    "config.applied",
    "config.rejected",
    "config.*",
    "*",
]


class SubscriptionFilters(SpecModel):
    """Which events of the named kinds are wanted; an absent filter matches everything."""

    template_id: TemplateId | None = None
    binding_id: Uid | None = None


class Subscription(SpecModel):
    """Who is told of what, and how the messages are signed."""

    uid: Uid
    event: EventName | None = Field(default=None, description="the one event that is wanted")
    events: tuple[EventName, ...] = Field(default=(), description="the events that are wanted")
    target_url: TargetUrl = Field(repr=False, description="where messages go; may hold a reference")
    platform: Literal["zapier", "make", "n8n", "pipedream", "custom"] = "custom"
    filters: SubscriptionFilters = SubscriptionFilters()
    secret: SigningSecret | None = Field(default=None, repr=False, description="signs the messages")
    secrets: tuple[SigningSecret, ...] = Field(
        default=(), repr=False, description="the same during a change of secrets, newest first"
    )
    status: Literal["active", "paused"] = "active"

    @property
    def subscribed(self) -> tuple[EventName, ...]:
        """The events that are wanted, however they were written."""
        return self.events if self.event is None else (self.event,)

    @property
    def signing_secrets(self) -> tuple[str, ...]:
        """References to the secrets that sign, newest first."""
        return self.secrets if self.secret is None else (self.secret,)

    def plain(self) -> subscription.Subscription:
        """The same, as the daemon works with it."""
        return subscription.Subscription(
            uid=self.uid,
            events=self.subscribed,
            target_url=self.target_url,
            platform=self.platform,
            template_id=self.filters.template_id,
            binding_id=self.filters.binding_id,
            secrets=self.signing_secrets,
            status=self.status,
        )

    @model_validator(mode="after")
    def _one_way_each(self) -> Self:
        if (self.event is None) is (not self.events):
            raise ValueError("needs either `event` or `events`")
        if (self.secret is None) is (not self.secrets):
            raise ValueError("needs either `secret` or `secrets`")
        return self
