"""Explains a binding of the running daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from repaintd.core.explanation import Facts, UnderWay, explanation

if TYPE_CHECKING:
    from repaintd.core.ports import Clock
    from repaintd.core.run import Run
    from repaintd.runtime.catalogue import Catalogue
    from repaintd.runtime.refresher import Refresher


class KeptRuns(Protocol):
    """The log of runs, to be read."""

    async def runs(self, uid: str) -> list[Run]:
        """What is kept of the runs of a binding, oldest first.

        Raises:
            StoreUnavailable: they cannot be read just now.
        """


class Explainer:
    """Implements `web.surface.Explainer`."""

    def __init__(
        self, *, catalogue: Catalogue, refresher: Refresher, store: KeptRuns, clock: Clock
    ) -> None:
        self._catalogue = catalogue
        self._refresher = refresher
        self._store = store
        self._clock = clock

    async def explain(self, uid: str, /) -> dict[str, Any] | None:
        """Why the binding is as it is; None when there is no such binding.

        Raises:
            StoreUnavailable: the log of runs cannot be read just now.
        """
        if self._catalogue.entry(uid) is None:
            return None
        runs = await self._store.runs(uid)
        entry = self._catalogue.entry(uid)
        if entry is None:  # it went meanwhile
            return None
        return explanation(
            Facts(
                view=entry.view,
                now=self._clock.now(),
                pending=entry.pending,
                under_way=self._under_way(uid),
                runs=runs,
            )
        )

    def _under_way(self, uid: str) -> UnderWay | None:
        run = self._refresher.under_way(uid)
        if run is None:
            return None
        return UnderWay(
            trigger=run.trigger.value,
            at=run.at,
            stage=run.stage,
            stage_seconds=run.at_stage(),
        )
