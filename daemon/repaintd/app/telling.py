"""Who is told of events: the sinks of plugins and of subscriptions, and their work."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from repaintd.errors import StoreUnavailable
from repaintd.plugin import Working
from repaintd.registry import PluginStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from repaintd.app.parts import Parts
    from repaintd.config import Subscription
    from repaintd.core.ports import EventSink

AFTER_A_BUG: Final = 60.0


async def add_sinks(parts: Parts) -> None:
    """Let the daemon deliver to everybody who is configured; forget who is no more."""
    for name, sink in parts.tools.sinks.items():
        parts.deliveries.add(name, sink)
    _subscribe(parts)
    for record in parts.tools.records:
        if record.status is PluginStatus.LOADED:  # another one may be back tomorrow
            await _forget_absent(parts, record.name)


def _subscribe(parts: Parts) -> None:
    webhooks = parts.configuration.settings.webhooks
    change = subscriptions_changed(parts, (), webhooks)
    for name, sink in change.add.items():
        parts.deliveries.add(name, sink)
    if webhooks and not parts.tools.subscribers:
        parts.log.error("no plugin delivers webhooks; see `repaintd doctor`", count=len(webhooks))


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionChange:
    """What becomes of the sinks of subscriptions.

    Attributes:
        add: sinks by name; instead of those that have these names.
        remove: names.
    """

    add: Mapping[str, EventSink]
    remove: tuple[str, ...] = ()


def subscriptions_changed(
    parts: Parts, before: Sequence[Subscription], after: Sequence[Subscription]
) -> SubscriptionChange:
    """Make the sinks of new and changed subscriptions; nothing is delivered yet."""
    old, new = {each.uid: each for each in before}, {each.uid: each for each in after}
    for plugin, subscriber in parts.tools.subscribers.items():
        return SubscriptionChange(
            add={
                f"{plugin}/{uid}": subscriber(webhook.plain())
                for uid, webhook in new.items()
                if old.get(uid) != webhook
            },
            remove=tuple(f"{plugin}/{uid}" for uid in old if uid not in new),
        )
    return SubscriptionChange(add={})


async def resubscribe(parts: Parts, change: SubscriptionChange) -> None:
    """Deliver to these from now on, and no more to those."""
    for name in change.remove:
        try:
            await parts.deliveries.remove(name)
        except StoreUnavailable as error:
            parts.log.warning("a sink that is gone is still remembered", error=str(error))
    for name, sink in change.add.items():
        parts.deliveries.add(name, sink)


async def _forget_absent(parts: Parts, plugin: str) -> None:
    try:
        await parts.deliveries.forget_absent(f"{plugin}/")
    except StoreUnavailable as error:
        parts.log.warning("sinks that are gone are still remembered", error=str(error))


def start_work(parts: Parts, tasks: asyncio.TaskGroup) -> None:
    """Start a task for each sink that has work of its own."""
    for name, sink in parts.tools.sinks.items():
        if isinstance(sink, Working):
            tasks.create_task(_work(name, sink, parts.log), name=f"work:{name}")


async def _work(name: str, sink: Working, log: Any) -> None:
    """Let it work for ever; a bug in it stops it for a while, and nobody else."""
    while True:
        try:
            await sink.work()
        except Exception:
            log.exception("a plugin's work broke; please report this", sink=name)
        await asyncio.sleep(AFTER_A_BUG)
