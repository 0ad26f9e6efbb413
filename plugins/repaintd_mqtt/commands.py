"""Triggers that come through the broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from repaintd.plugin import Host


class Commands:
    """Refreshes what was asked for; a flood for one binding is one wish."""

    def __init__(self, host: Host, log: Any) -> None:
        self._host = host
        self._log = log
        self._wanted: dict[str, None] = {}  # in order; never more than there are bindings
        self._arrived = asyncio.Event()

    def want(self, uid: str | None) -> None:
        """Take a command; one for a binding that does not exist is ignored."""
        if uid is None or self._host.get(uid) is None:
            self._log.debug("refresh asked for a binding that does not exist", binding=uid)
            return
        self._wanted[uid] = None
        self._arrived.set()

    async def run(self) -> None:
        """Refresh until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._wanted:
                uid = next(iter(self._wanted))
                del self._wanted[uid]
                await self._refresh(uid)

    async def _refresh(self, uid: str) -> None:
        try:
            taken = await self._host.refresh(uid)
        except Exception as exc:  # noqa: BLE001 - whatever ails the daemon, the connection stays
            self._log.warning("refresh asked for by MQTT failed", binding=uid, error=str(exc))
            return
        if not taken:
            self._log.debug("refresh asked for by MQTT was not taken: it is paused", binding=uid)
