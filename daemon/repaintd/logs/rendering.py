"""Turns one event into one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson
import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import EventDict


def json_line(event: EventDict) -> str:
    """*event* as one line of JSON; whatever is no JSON value is shown as text."""
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # Integers beyond 64 bits, lone surrogates: rare, and no reason to lose the line.
        return json.dumps(event, default=str, skipkeys=True)


def console_line(*, colors: bool) -> Callable[[EventDict], str]:
    """For people. What strangers sent cannot move the cursor or fake a line."""
    render = structlog.dev.ConsoleRenderer(
        colors=colors,
        # The pretty one prints local variables, and with them secrets.
        exception_formatter=structlog.dev.plain_traceback,
    )

    def line(event: EventDict) -> str:
        shown = {key: _printable(key, value) for key, value in event.items()}
        return str(render(None, "", shown))

    return line


def _printable(key: str, value: Any) -> Any:
    if key == "exception":
        return value
    if isinstance(value, str):
        return value if value.isprintable() else repr(value)
    text = repr(value)
    return text if text.isprintable() else ascii(text)
