"""When the next connection is tried."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Backoff:
    """Pauses with full jitter under a bound that doubles.

    The bound falls back when a connection has lasted as long as the bound itself. So a broker that
    was restarted is found again at once, while two clients that push each other out, as those with
    the same client id do, soon do so once a minute.

    Args:
        first: the first bound, in seconds.
        most: the largest bound, in seconds.
        dice: a number from 0 to 1.
    """

    def __init__(
        self, first: float = 1.0, most: float = 60.0, dice: Callable[[], float] = random.random
    ) -> None:
        self._first = first
        self._most = most
        self._dice = dice
        self._bound = first

    def pause(self, lasted: float) -> float:
        """Seconds to wait after a connection that lasted *lasted* seconds; 0 for none at all."""
        if lasted >= self._bound:
            self._bound = self._first
        pause = self._dice() * self._bound
        self._bound = min(2 * self._bound, self._most)
        return pause
