"""Outgoing webhooks: events as signed POSTs (contract E, Standard Webhooks)."""

from __future__ import annotations

from repaintd_webhooks.webhooks import Webhooks

__all__ = ["Webhooks"]
