"""Two ways to draw the same cards, side by side: the daemon, and a plain browser."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson
from bench import plain
from bench.daemon import RefreshesFailed, loaded, open_daemon
from bench.processes import source_server
from bench.source_server import document

from repaintd.core.mapping import map_document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.daemon import Daemon
    from bench.workspace import Workspace
    from playwright.async_api import Browser

MARKUPS: Final = 64
BINDINGS: Final = 8  # enough that a page never waits for a fetch


@dataclass(frozen=True, slots=True)
class Studio:
    """The daemon with its browser, a plain browser, and the documents for the latter.

    Attributes:
        origin: where the plain browser finds the card's fonts.
        source: URL of a document that is another one each time.
    """

    daemon: Daemon
    browser: Browser
    markups: tuple[str, ...]
    origin: str
    source: str

    async def rate(self, seconds: float) -> float:
        """Whole refreshes a second; every one of them must have put a new image in place.

        Raises:
            RefreshesFailed: some did not.
        """
        before = self.daemon.total().publishes
        rate = await self.daemon.rate(seconds)
        published = self.daemon.total().publishes - before
        if published != self.daemon.treadmill.done:
            done = self.daemon.treadmill.done
            raise RefreshesFailed(f"{done} refreshes published only {published} images")
        return rate


@asynccontextmanager
async def open_studio(
    workspace: Workspace, image_format: str, bindings: int = BINDINGS
) -> AsyncIterator[Studio]:
    """Open both, warm and idle."""
    async with source_server() as port, plain.open_browser() as browser:
        origin = f"http://127.0.0.1:{port}/"
        source = f"{origin}new/"
        workspace.write(bindings, source, image_format=image_format)
        configuration = loaded(workspace.config, browser=True)
        async with open_daemon(configuration, {}) as daemon:
            markups = tuple([await _markup(daemon, number) for number in range(MARKUPS)])
            yield Studio(daemon, browser, markups, origin, source)


async def _markup(daemon: Daemon, number: int) -> str:
    """The page that the daemon would draw for that document."""
    view = next(iter(daemon.parts.catalogue.all()))
    entry = daemon.parts.catalogue.entry(view.binding.uid)
    if entry is None:
        raise RefreshesFailed("there is no binding to draw")
    mapped = map_document(entry.binding, entry.template, orjson.loads(document(number)))
    return await daemon.parts.tools.engine.expand(entry.template, mapped.variables)
