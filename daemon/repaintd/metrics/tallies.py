"""The plain counters of all bindings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repaintd.core.status import total
from repaintd.core.view import Tally

if TYPE_CHECKING:
    from repaintd.core.pipeline import Outcome


class Tallies:
    """One tally for each binding that ever did something, and the sum of those that are gone."""

    def __init__(self) -> None:
        self._living: dict[str, Tally] = {}
        self._gone = Tally()

    def of(self, uid: str) -> Tally:
        """The binding's counters, to be incremented in place."""
        tally = self._living.get(uid)
        if tally is None:
            tally = self._living[uid] = Tally()
        return tally

    def count(self, uid: str, outcome: Outcome) -> None:
        """Count what a refresh that did not fail has done, and what it saved."""
        tally = self.of(uid)
        if outcome.image is not None:
            tally.renders_ok += 1
            tally.publishes += outcome.image.changed
        if outcome.skipped == "fetch":
            tally.skipped_fetch += 1
        elif outcome.skipped == "render":
            tally.skipped_render += 1
        elif outcome.skipped == "publish":
            tally.skipped_publish += 1

    def forget(self, uid: str) -> None:
        """Drop the counters of a binding that is gone; the sum keeps what it did."""
        tally = self._living.pop(uid, None)
        if tally is not None:
            self._gone = total((self._gone, tally))

    def living(self) -> dict[str, Tally]:
        """The tallies by uid: a copy of the table, not of the tallies."""
        return self._living.copy()

    def gone(self) -> Tally:
        """What the bindings did that are gone."""
        return self._gone
