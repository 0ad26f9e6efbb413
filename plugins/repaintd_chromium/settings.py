"""`plugins.chromium` of repaintd.yaml."""

from __future__ import annotations

from pydantic import Field

from repaintd.plugin import SpecModel


class ChromiumSettings(SpecModel):
    """How the browser is kept; the defaults suit two to eight cores.

    Attributes:
        recycle_after: renders after which the browser is replaced by a fresh one.
        recycle_page_after: renders after which a warm page is replaced by a fresh one.
        max_warm_pages: pages kept open and idle, one per template, size and scale in use.
        max_waiting: renders that may wait for a turn; more are refused as `overloaded`.
        max_page_memory_mib: a page that takes more MiB of memory is killed.
        max_browser_memory_mib: a browser that takes more MiB of memory is replaced.
    """

    recycle_after: int = Field(default=5000, ge=1)
    recycle_page_after: int = Field(default=200, ge=1)
    max_warm_pages: int = Field(default=8, ge=1, le=256)
    max_waiting: int = Field(default=1000, ge=1)
    max_page_memory_mib: int = Field(default=1536, ge=64)
    max_browser_memory_mib: int = Field(default=3072, ge=256)
