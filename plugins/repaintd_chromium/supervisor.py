"""Keeps one browser serving: replaces it when it dies, freezes, or has drawn enough."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from repaintd_chromium.faults import StartFailed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from repaintd_chromium.chores import Chores

BEAT_SECONDS: Final = 1.0
DRAIN_SECONDS: Final = 120.0
CLOSE_SECONDS: Final = 15.0
PAUSES: Final = (0.2, 1.0, 2.0, 4.0)  # after failed starts; the last one repeats


class Supervised(Protocol):
    """What the supervisor needs of a browser generation."""

    number: int
    dead: bool
    doubted: asyncio.Event
    reason: str

    @property
    def busy(self) -> bool:
        """Whether something is being drawn."""

    async def beat(self) -> None:
        """Look after it; may condemn it."""

    def condemn(self, reason: str) -> None:
        """Kill it now."""

    async def drained(self) -> None:
        """Wait until nothing is being drawn."""

    async def close(self) -> None:
        """End it for good."""


G = TypeVar("G", bound=Supervised)


class Supervisor(Generic[G]):
    """Crash-only: a browser in doubt is killed and replaced, never mended.

    Attributes:
        trouble: why the latest start failed, while no browser has started since.

    Args:
        start: starts the browser with that number; raises StartFailed and leaves nothing behind.
        replaced: told the reason of each replacement and of each failed start.
    """

    def __init__(
        self,
        start: Callable[[int], Awaitable[G]],
        *,
        replaced: Callable[[str], None],
        chores: Chores,
        log: Any,
        beat_seconds: float = BEAT_SECONDS,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._start = start
        self._replaced = replaced
        self._chores = chores
        self._log = log
        self._beat_seconds = beat_seconds
        self._pauses = pauses
        self._current: G | None = None
        self._arrived = asyncio.Event()
        self._number = 0
        self._open: set[G] = set()
        self.trouble = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve until left; on entry a browser is there, or was tried and is tried again.

        A machine that is slow or short of memory when everything starts is no reason to draw
        nothing until somebody restarts the daemon.

        Raises:
            StartFailed: the browser would run, but not locked in: trying again would mend nothing.
        """
        self._current = await self._first()
        keeper = asyncio.create_task(self._keep(self._current), name="keep browser")
        keeper.add_done_callback(self._tell_end)
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.wait({keeper})
            for generation in tuple(self._open):
                await generation.close()

    async def _first(self) -> G | None:
        try:
            return await self._next()
        except StartFailed as error:
            if error.unlocked:
                raise
            self._failed_start(error, failures=0)
            return None

    def _failed_start(self, error: StartFailed, *, failures: int) -> None:
        self._replaced("start_failed")
        self.trouble = str(error)
        if failures == 0:
            self._log.error("no browser serves; trying on", error=self.trouble)

    async def lease(self) -> G:
        """The browser that serves now; waits while there is none."""
        while self._current is None or self._current.dead:
            self._arrived.clear()
            await self._arrived.wait()
        return self._current

    async def _next(self) -> G:
        self._number += 1
        generation = await self._start(self._number)
        self._open.add(generation)
        return generation

    async def _keep(self, first: G | None) -> None:
        current = first or await self._restart(failures=1)
        while True:
            self._current = current
            self._arrived.set()
            await self._watch(current)
            self._replaced(current.reason)
            self._log.info("browser is replaced", reason=current.reason, generation=current.number)
            if current.dead:
                self._retire(current)
                current = await self._restart()
            else:  # worn out, but it serves until the next one does
                fresh = await self._restart()
                self._retire(current)
                current = fresh

    async def _watch(self, current: G) -> None:
        """Return once *current* is doubted; a beat now and then makes sure that this happens."""
        while not current.doubted.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._beat_seconds):
                    await current.doubted.wait()
                    return
            if current.busy:
                await self._beat(current)

    async def _beat(self, current: G) -> None:
        try:
            await current.beat()
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may stop looking
            self._log.error("the browser cannot be looked after", error=repr(error)[:300])
            current.condemn("stuck")

    async def _restart(self, failures: int = 0) -> G:
        while True:
            if failures:
                await asyncio.sleep(self._pauses[min(failures, len(self._pauses)) - 1])
            try:
                fresh = await self._next()
            except StartFailed as error:
                self._failed_start(error, failures=failures)
                failures += 1
            else:
                self.trouble = ""
                if failures:
                    self._log.info("a browser serves again", failed_starts=failures)
                return fresh

    def _retire(self, generation: G) -> None:
        self._chores.add(
            lambda: self._see_off(generation),
            name=f"retire browser {generation.number}",
            seconds=DRAIN_SECONDS + CLOSE_SECONDS,
        )

    async def _see_off(self, generation: G) -> None:
        try:
            if not generation.dead:
                with suppress(TimeoutError):
                    async with asyncio.timeout(DRAIN_SECONDS):
                        await generation.drained()
        finally:
            await generation.close()
            self._open.discard(generation)

    def _tell_end(self, keeper: asyncio.Task[None]) -> None:
        if not keeper.cancelled() and (error := keeper.exception()) is not None:
            self._log.critical("nobody looks after the browser any more", error=repr(error))
