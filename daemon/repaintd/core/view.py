"""The read model: what the listener and the command line see of the running daemon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from repaintd.core.state import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from repaintd.core.binding import Binding
    from repaintd.core.image import ServedImage
    from repaintd.core.state import BindingState


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One binding with what is remembered of it."""

    binding: Binding
    state: BindingState

    @property
    def status(self) -> Status:
        """Paused wins over error: a paused binding does not try (contract B.7)."""
        if self.binding.paused:
            return Status.PAUSED
        return Status.ERROR if self.state.error_count else Status.ACTIVE

    @property
    def stale(self) -> bool:
        """Whether its data is older than it may be, as receivers were told."""
        return self.state.stale_since is not None


class Bindings(Protocol):
    """All bindings of the active configuration."""

    def get(self, uid: str) -> View | None:
        """The binding with that uid."""

    def all(self) -> Iterable[View]:
        """Every binding, ordered by uid."""


class Gallery(Protocol):
    """Reads stable files."""

    async def read(self, filename: str) -> ServedImage | None:
        """The whole file and the tag of exactly these bytes; None where there is none."""


@dataclass(slots=True)
class Tally:
    """What one binding has cost and saved since the daemon started; plain counters."""

    fetches_modified: int = 0
    fetches_not_modified: int = 0
    fetches_error: int = 0
    renders_ok: int = 0
    renders_error: int = 0
    skipped_fetch: int = 0
    skipped_render: int = 0
    skipped_publish: int = 0
    publishes: int = 0
    triggers_queued: int = 0
    triggers_coalesced: int = 0
    triggers_ignored: int = 0
    triggers_duplicate: int = 0
