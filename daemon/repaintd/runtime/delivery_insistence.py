"""Repeats what the state database refuses until it does it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

from repaintd.core.backoff import growing
from repaintd.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

_RETRY_MOST: Final = 30.0


async def insist(
    call: Callable[[], Awaitable[T]], *, log: Any, dice: Callable[[], float], what: str
) -> T:
    """The result of the first call that the database does not refuse; waits grow to 30 s.

    Who waits for it goes no further: what could not be remembered is not passed over.

    Args:
        call: may raise StoreUnavailable, as often as it likes.
        log: told once when it begins to fail, and once when it works again.
        dice: gives random numbers in [0, 1).
        what: is being done, for the log.
    """
    failures = 0
    while True:
        try:
            result = await call()
        except StoreUnavailable as exc:
            failures += 1
            if failures == 1:
                log.error("state database refused; trying again", doing=what, error=str(exc))  # noqa: TRY400 — foreseen
            await asyncio.sleep(growing(failures, dice=dice(), most=_RETRY_MOST))
        else:
            if failures:
                log.info("state database works again", doing=what, failures=failures)
            return result
