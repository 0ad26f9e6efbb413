"""Everything a page sees is handed to it here; nothing else exists for it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from playwright.async_api import Error

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.async_api import Route

    from repaintd.plugin import Template

MAX_NAMED: Final = 20

_ALWAYS: Final = (
    "default-src 'none'; base-uri 'self'; form-action 'none'; worker-src 'none';"
    " img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data:;"
    " style-src 'self' 'unsafe-inline'"
)
# `sandbox` also forbids pop-ups, dialogs and downloads, and without scripts self-navigation
POLICY_WITHOUT_SCRIPTS: Final = f"{_ALWAYS}; script-src 'none'; sandbox allow-same-origin"
POLICY_WITH_SCRIPTS: Final = (
    f"{_ALWAYS}; script-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:;"
    " connect-src 'self' data: blob:; webrtc 'block'; sandbox allow-scripts allow-same-origin"
)


def origin_of(template_id: str) -> str:
    """The origin a template's pages live at; `.invalid` is resolved by nobody (RFC 2606)."""
    name = re.sub(r"[^a-z0-9]+", "-", template_id.lower()).strip("-")[:40]
    digest = hashlib.sha256(template_id.encode()).hexdigest()[:8]
    return f"https://{name or 'template'}-{digest}.invalid"


class AssetDesk:
    """Answers every request of one page, out of the template's own files.

    The document is given out once per `lay_out`; any other navigation is refused and told to
    *on_stray*.
    """

    def __init__(self, template: Template, *, on_stray: Callable[[str], None]) -> None:
        self.origin = origin_of(template.id)
        self.refused: Counter[str] = Counter()
        self._assets = template.assets
        self._policy = POLICY_WITH_SCRIPTS if template.javascript else POLICY_WITHOUT_SCRIPTS
        self._document: str | None = None
        self._on_stray = on_stray

    def lay_out(self, document: str) -> str:
        """Make *document* the answer to the next navigation; returns where to navigate to."""
        self._document = document
        return f"{self.origin}/"

    async def answer(self, route: Route) -> None:
        """Playwright's handler for every request of the page's context."""
        try:
            await self._answer(route)
        except Error:  # the page or the browser is gone, which others notice
            self._document = None

    def describe_refused(self) -> dict[str, Any]:
        """What was asked for in vain since the last call, for the log."""
        total, some = self.refused.total(), dict(self.refused.most_common(MAX_NAMED))
        self.refused.clear()
        return {"requests": total, "some": some}

    async def _answer(self, route: Route) -> None:
        request = route.request
        if request.is_navigation_request():
            await self._navigate(route, request.url)
            return
        asset = self._assets.get(self._asset_path(request.url))
        if asset is None:
            self._refuse(request.url)
            await route.fulfill(status=404, body="")
            return
        headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=31536000"}
        headers |= {"Content-Type": asset.media_type, "X-Content-Type-Options": "nosniff"}
        await route.fulfill(status=200, headers=headers, body=asset.body)

    async def _navigate(self, route: Route, url: str) -> None:
        document = self._document
        if document is None or url != f"{self.origin}/":
            self._refuse(url)
            self._on_stray(url)
            await route.abort("aborted")  # any other code would put an error page in its place
            return
        self._document = None
        headers = {"Content-Type": "text/html; charset=utf-8"}
        headers |= {"Content-Security-Policy": self._policy, "Referrer-Policy": "no-referrer"}
        await route.fulfill(status=200, headers=headers, body=document)

    def _asset_path(self, url: str) -> str:
        parts = urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" != self.origin:
            return ""
        return unquote(parts.path).removeprefix("/")

    def _refuse(self, url: str) -> None:
        if url in self.refused or len(self.refused) < MAX_NAMED:
            self.refused[url[:200]] += 1
        else:
            self.refused["…"] += 1
