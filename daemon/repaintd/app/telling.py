"""Who is told of events: the sinks of plugins and of subscriptions, and their work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from repaintd.errors import StoreUnavailable
from repaintd.plugin import Working
from repaintd.registry import PluginStatus

if TYPE_CHECKING:
    from repaintd.app.parts import Parts

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
    for plugin, subscriber in parts.tools.subscribers.items():
        for webhook in webhooks:
            parts.deliveries.add(f"{plugin}/{webhook.uid}", subscriber(webhook.plain()))
        return
    if webhooks:
        parts.log.error("no plugin delivers webhooks; see `repaintd doctor`", count=len(webhooks))


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
