"""The two sources that need nothing from outside: static data, and pushed data."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import orjson

from repaintd.core.fetch import Fetched, FetchRequest, NoDocument
from repaintd.core.fingerprint import canonical, digest
from repaintd.errors import FetchFailed, StoreUnavailable

if TYPE_CHECKING:
    from repaintd.core.fetch import FetchResult
    from repaintd.core.ports import Inbox

LARGE: Final = 256 * 1024
"""Documents of more bytes are read in a thread: the loop answers others meanwhile."""


class StaticSource:
    """The document stands in the binding itself (contract B.2)."""

    async def fetch(self, request: FetchRequest) -> FetchResult:
        """The `staticData`; an absent one is an empty object, so that all comes from defaults."""
        document = request.spec.static_data
        document = {} if document is None else document
        return Fetched(document=document, body_hash=digest(canonical(document)))


class PushedSource:
    """The document arrives by webhook; until it does, there is none (contract B.2).

    Args:
        inbox: keeps the documents; None where nothing can be pushed (`repaintd render`).
    """

    def __init__(self, inbox: Inbox | None = None) -> None:
        self._inbox = inbox

    async def fetch(self, request: FetchRequest) -> FetchResult:
        """The document as the latest accepted trigger left it."""
        if self._inbox is None:
            return NoDocument()
        try:
            text = await self._inbox.document(request.uid)
        except StoreUnavailable as error:
            raise FetchFailed(f"the pushed data cannot be read: {error}", reason="state") from error
        if text is None:
            return NoDocument()
        return await asyncio.to_thread(_read, text) if len(text) > LARGE else _read(text)


def _read(text: bytes) -> Fetched:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FetchFailed(
            f"the pushed data is kept, but is no JSON any more: {error}; push it again",
            reason="state",
        ) from error
    return Fetched(document=document, body_hash=digest(text))
