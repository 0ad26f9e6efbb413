"""The dead letters of one sink: kept for replay, the latest of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from repaintd.runtime.sink_ledger import SinkLedger

MOST: Final = 10_000


class DeadLetters:
    """Their positions, in the order in which they died; all else is in the outbox."""

    def __init__(self, ledger: SinkLedger) -> None:
        self._ledger = ledger
        self._positions: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._positions)

    def __contains__(self, position: int) -> bool:
        return position in self._positions

    def between(self, after: int, before: int) -> int:
        """How many lie between these positions."""
        return sum(after < position < before for position in self._positions)

    def load(self, position: int) -> None:
        """Take over one that is remembered."""
        self._positions[position] = None

    def discard(self, position: int) -> None:
        """It is dead no more."""
        self._positions.pop(position, None)

    async def add(self, position: int) -> None:
        """Count a new one; the oldest make room for it."""
        self._positions[position] = None
        surplus = list(self._positions)[: max(0, len(self._positions) - MOST)]
        if surplus:
            for each in surplus:
                del self._positions[each]
            await self._ledger.drop_owed(surplus)
