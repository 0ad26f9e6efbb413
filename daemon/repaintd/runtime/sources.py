"""The two sources that need nothing from outside: static data, and pushed data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repaintd.core.fetch import Fetched, FetchRequest, NoDocument
from repaintd.core.fingerprint import canonical, digest

if TYPE_CHECKING:
    from repaintd.core.fetch import FetchResult


class StaticSource:
    """The document stands in the binding itself (contract B.2)."""

    async def fetch(self, request: FetchRequest) -> FetchResult:
        """The `staticData`; an absent one is an empty object, so that all comes from defaults."""
        document = request.spec.static_data
        document = {} if document is None else document
        return Fetched(document=document, body_hash=digest(canonical(document)))


class PushedSource:
    """The document arrives by webhook; until it does, there is none (contract B.2)."""

    async def fetch(self, request: FetchRequest) -> FetchResult:
        """Nothing has been pushed yet."""
        del request
        return NoDocument()
