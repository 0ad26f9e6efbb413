"""Whether the daemon lives and whether it can do its work: by trying, not by hoping."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from repaintd.errors import RenderFailed, StoreUnavailable
from repaintd.runtime.scheduler import LONGEST_SLEEP
from repaintd.web import Check, Readiness

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from repaintd.app.parts import Parts
    from repaintd.runtime.scheduler import Scheduler

PROBE_TIMEOUT: Final = 10.0
GOOD_FOR: Final = 10.0
BAD_FOR: Final = 1.0


class Probe:
    """A check whose answer is kept for a while, so that asking often costs nothing."""

    def __init__(self, check: Callable[[], Awaitable[None]], clock: Callable[[], float]) -> None:
        self._check = check
        self._clock = clock
        self._answer = Check(ok=False, detail="not checked yet")
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def ask(self) -> Check:
        """Whether it works, and if not, why."""
        async with self._lock:
            if self._clock() >= self._until:
                self._answer = await self._try()
                self._until = self._clock() + (GOOD_FOR if self._answer.ok else BAD_FOR)
            return self._answer

    async def _try(self) -> Check:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                await self._check()
        except TimeoutError:
            return Check(ok=False, detail=f"no answer within {PROBE_TIMEOUT:.0f} s")
        except (RenderFailed, StoreUnavailable) as error:
            return Check(ok=False, detail=str(error))
        return Check(ok=True, detail="ok")


class DaemonHealth:
    """Implements `web.Health`."""

    def __init__(self, parts: Parts, scheduler: Scheduler) -> None:
        clock = parts.clock.monotonic
        self._clock = clock
        self._scheduler = scheduler
        self._database = Probe(parts.store.probe, clock)
        self._renderer = Probe(parts.tools.renderer.probe, clock)

    async def live(self) -> Readiness:
        """Whether the scheduler turns and the database takes writes: what a restart can mend."""
        return _verdict({"database": await self._database.ask(), "scheduler": self._turns()})

    async def ready(self) -> Readiness:
        """Whether refreshes can succeed now: each part is really tried."""
        return _verdict(
            {
                "database": await self._database.ask(),
                "renderer": await self._renderer.ask(),
                "scheduler": self._turns(),
            }
        )

    def _turns(self) -> Check:
        idle = self._clock() - self._scheduler.last_turn_at
        return Check(ok=idle < 2 * LONGEST_SLEEP, detail=f"last turn {idle:.0f} s ago")


def _verdict(checks: Mapping[str, Check]) -> Readiness:
    return Readiness(ok=all(check.ok for check in checks.values()), checks=checks)
