"""Looks after stable files that somebody else removed: never missing once published."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

from repaintd.core.state import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from repaintd.runtime.catalogue import Catalogue, Entry

INTERVAL: Final = 60.0


class Images(Protocol):
    """What is asked of the output directory."""

    async def missing(self, filenames: Iterable[str]) -> set[str]:
        """Those that are not in place."""


async def forget_missing(catalogue: Catalogue, images: Images) -> list[Entry]:
    """Make every binding whose published file is gone draw it again; returns those bindings."""
    published = {
        f"{entry.binding.uid}.{entry.state.image.format}": entry
        for entry in catalogue.entries()
        if entry.state.image is not None
    }
    lost = [published[name] for name in await images.missing(published)]
    for entry in lost:
        entry.forget_image()
    return lost


async def watch_files(
    catalogue: Catalogue,
    images: Images,
    trigger: Callable[[str, Trigger], bool],
    log: Any,
    interval: float = INTERVAL,
) -> None:
    """Look once in a while, for ever. Run it as a named task."""
    while True:
        await asyncio.sleep(interval)
        for entry in await forget_missing(catalogue, images):
            if not entry.binding.paused:
                log.warning("stable file is gone; drawing it again", binding=entry.binding.uid)
                trigger(entry.binding.uid, Trigger.UPDATE)
