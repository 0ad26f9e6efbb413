"""Looks after stable files that somebody else removed: never missing once published."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

from repaintd.core.state import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from repaintd.runtime.catalogue import Catalogue, Entry

INTERVAL: Final = 60.0


class Images(Protocol):
    """What is asked of the output directory."""

    async def altered(self, sizes: Mapping[str, int]) -> set[str]:
        """Those that are not in place with just so many bytes."""

    async def missing(self, filenames: Iterable[str]) -> set[str]:
        """Those that are not in place."""


async def forget_missing(catalogue: Catalogue, images: Images) -> list[Entry]:
    """Make every binding whose published file is gone draw it again; returns those bindings."""
    published = _published(catalogue)
    lost = [published[name] for name in await images.missing(published)]
    for entry in lost:
        entry.forget_image()
    return lost


async def forget_unrecorded(catalogue: Catalogue, images: Images) -> None:
    """At a start, also draw again what another image lies in place of than the recorded one.

    A kill between rename and commit leaves such a file; where the data has gone back meanwhile,
    nothing else would notice. Sizes are compared: two images of the same size pass for one.
    """
    published = _published(catalogue)
    sizes = {
        name: entry.state.image.size
        for name, entry in published.items()
        if entry.state.image is not None
    }
    for name in await images.altered(sizes):
        published[name].forget_image()


def _published(catalogue: Catalogue) -> dict[str, Entry]:
    return {
        f"{entry.binding.uid}.{entry.state.image.format}": entry
        for entry in catalogue.entries()
        if entry.state.image is not None
    }


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
