"""Leads what libraries log through the standard library into the same stream."""

from __future__ import annotations

import logging
from typing import Any, Final

import structlog

_QUIET: Final = ("aiosqlite", "asyncio", "watchfiles", "hpack", "urllib3")
"""Their debug lines repeat data of bindings, or never end."""
_CHATTY: Final = ("pyvips",)
"""They tell of every image at info."""


class Bridge(logging.Handler):
    """Hands each record to structlog under the name of its logger."""

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises: a broken record is reported as the standard library does it."""
        try:
            fields: dict[str, Any] = {}
            if record.exc_info:
                fields["exc_info"] = record.exc_info
            if record.stack_info:
                fields["stack"] = record.stack_info
            log = structlog.get_logger(record.name)
            log.log(_level(record.levelno), record.getMessage().strip(), **fields)
        except Exception:  # noqa: BLE001 — the contract of logging.Handler
            self.handleError(record)


def _level(number: int) -> int:
    """The named level at or below *number*: libraries invent others."""
    return min(max(number // 10 * 10, logging.DEBUG), logging.CRITICAL)


def install(level: int) -> None:
    """Make the bridge the only handler of the standard library, warnings included."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    root.addHandler(Bridge())
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.INFO))
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
