"""An event loop that does not wait: when nothing can run, it is later at once.

Weeks of retries pass in milliseconds, and a test that waits for what never comes fails at once.
Nothing outside the loop may be waited for: no sockets, no threads.
"""

from __future__ import annotations

import asyncio
import selectors
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")

START = 1_767_225_600.0  # 2026-01-01T00:00:00Z


class VirtualClock:
    """Implements `core.ports.Clock` with the time of the running loop."""

    def now(self) -> float:
        """Seconds since the epoch; a test begins at `START`."""
        return START + self.monotonic()

    def monotonic(self) -> float:
        """Seconds since the loop was made."""
        return asyncio.get_running_loop().time()


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a coroutine function in a loop of its own whose time is virtual."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=_Loop) as runner:
            runner.run(test(*args, **kwargs))

    return run


async def settled() -> None:
    """Return when all that can happen at this instant has happened."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, _Loop):
        raise TypeError("time passes by itself here; use in_virtual_time")
    await loop.settled()


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._passed = 0.0
        self._waiting: list[asyncio.Future[None]] = []
        super().__init__(_Selector(self._pass))

    async def settled(self) -> None:
        future = self.create_future()
        self._waiting.append(future)
        await future

    def time(self) -> float:
        return self._passed

    def _pass(self, seconds: float | None) -> None:
        """Nothing can run: tell those who wait for that, or let it be later."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
        if waiting:
            return
        if seconds is None:
            raise RuntimeError("everybody waits, and nothing will ever happen")
        self._passed += seconds


class _Selector(selectors.DefaultSelector):
    def __init__(self, advance: Callable[[float | None], None]) -> None:
        super().__init__()
        self._advance = advance

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if not found and timeout != 0:
            self._advance(timeout)
        return found
