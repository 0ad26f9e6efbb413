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
INTERVAL: Final = 5.0
STALE_AFTER: Final = 45.0
"""A look that is older than this says that looking itself stands still."""


class DaemonHealth:
    """Implements `web.Health`: looks by itself now and then, and tells what it saw last."""

    def __init__(self, parts: Parts, scheduler: Scheduler) -> None:
        self._clock = parts.clock.monotonic
        self._metrics = parts.metrics
        self._scheduler = scheduler
        self._probes = {"database": parts.store.probe, "renderer": parts.tools.renderer.probe}
        self._seen: dict[str, Check] = {}
        self._answers: dict[str, bool] = {}
        self._looked_at = self._clock()

    async def watch(self) -> None:
        """Look for ever. Run it as a named task."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.look()

    async def look(self) -> None:
        """Try the database and the renderer, both really, each within its deadline."""
        async with asyncio.TaskGroup() as tasks:
            for name, probe in self._probes.items():
                tasks.create_task(self._try(name, probe), name=f"probe:{name}")
        for name, check in self._seen.items():
            self._metrics.set_check(name, ok=check.ok)
        self._looked_at = self._clock()

    async def live(self) -> Readiness:
        """Whether the process makes progress: what a restart can mend.

        A database that refuses, because the disk is full or another process holds it, is alive;
        one that does not answer is not.
        """
        answers = Check(ok=self._answers.get("database", True), detail=self._detail("database"))
        return _verdict({"database": answers, "scheduler": self._turns(), "probes": self._looks()})

    async def ready(self) -> Readiness:
        """Whether refreshes can succeed now."""
        return _verdict({**self._seen, "scheduler": self._turns()})

    async def _try(self, name: str, probe: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT):
                await probe()
        except TimeoutError:
            self._answers[name] = False
            detail = f"no answer within {PROBE_TIMEOUT:.0f} s"
            self._seen[name] = Check(ok=False, detail=detail)
        except (RenderFailed, StoreUnavailable) as error:
            self._answers[name] = True
            self._seen[name] = Check(ok=False, detail=str(error))
        except Exception as error:  # noqa: BLE001 — a plugin's bug must not end the daemon
            self._answers[name] = True
            self._seen[name] = Check(ok=False, detail=f"internal error: {type(error).__name__}")
        else:
            self._answers[name] = True
            self._seen[name] = Check(ok=True, detail="ok")

    def _detail(self, name: str) -> str:
        return self._seen[name].detail if name in self._seen else "not looked at yet"

    def _looks(self) -> Check:
        age = self._clock() - self._looked_at
        return Check(ok=age < STALE_AFTER, detail=f"looked {age:.0f} s ago")

    def _turns(self) -> Check:
        idle = self._clock() - self._scheduler.last_turn_at
        return Check(ok=idle < 2 * LONGEST_SLEEP, detail=f"last turn {idle:.0f} s ago")


def _verdict(checks: Mapping[str, Check]) -> Readiness:
    return Readiness(ok=all(check.ok for check in checks.values()), checks=checks)
