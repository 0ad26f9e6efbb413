"""Two ways to draw the same cards, side by side: the daemon, and a plain browser."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from bench import plain
from bench.daemon import RefreshesFailed, loaded, open_daemon
from bench.processes import source_server
from bench.source_server import document
from repaintd.core.mapping import map_document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser

    from bench.daemon import Daemon
    from bench.workspace import Workspace
    from repaintd.core.template import Template

MARKUPS: Final = 64
BINDINGS: Final = 8  # enough that a page never waits for a fetch


@dataclass(frozen=True, slots=True)
class Studio:
    """The daemon with its browser, a plain browser, and the documents for the latter.

    Attributes:
        origin: where the plain browser finds the card's fonts.
        source: URL of a document that is another one each time.
        markups: finished pages for the plain browser, each another one.
    """

    daemon: Daemon
    browser: Browser
    origin: str
    source: str
    markups: list[str] = field(default_factory=list)

    @property
    def template(self) -> Template:
        """The card."""
        return next(iter(self.daemon.templates.values()))

    async def markup(self, number: int, **variables: Any) -> str:
        """The page that the daemon would draw for that document; *variables* replace its own."""
        binding = self.daemon.parts.catalogue.all()[0].binding
        mapped = map_document(binding, self.template, orjson.loads(document(number)))
        engine = self.daemon.parts.tools.engine
        return await engine.expand(self.template, {**mapped.variables, **variables})

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
            studio = Studio(daemon, browser, origin, source)
            for number in range(MARKUPS):
                studio.markups.append(await studio.markup(number))
            yield studio
