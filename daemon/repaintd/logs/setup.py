"""Sets logging up, once, when the program starts."""

from __future__ import annotations

import functools
import logging
import os
from typing import TYPE_CHECKING, Any, Final

import structlog

from repaintd.logs import bridge
from repaintd.logs.rendering import console_line, json_line
from repaintd.logs.sink import Sink, is_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS: Final = ("debug", "info", "warning", "error", "critical")


class SinkLogger:
    """The end of the chain: a named part of the daemon that writes finished lines."""

    def __init__(self, sink: Sink, name: str = "") -> None:
        self.name = name
        self.msg = self.debug = self.info = self.warning = self.error = self.critical = sink.write


def configure_logging(
    stream: TextIO,
    *,
    json: bool | None = None,
    level: str = "info",
    environ: Mapping[str, str] | None = None,
) -> None:
    """Send every line of structlog, of the standard library and of warnings to *stream*.

    Args:
        stream: usually standard output.
        json: one JSON object per line; None means unless *stream* is a terminal.
        level: the least important level that is shown, one of `LEVELS`.
        environ: where `JOURNAL_STREAM` is looked up; None means the environment of the process.

    Raises:
        ValueError: there is no such level.
    """
    if level not in LEVELS:
        raise ValueError(f"no log level {level!r}; there are {', '.join(LEVELS)}")
    number = getattr(logging, level.upper())
    terminal = stream.isatty()
    as_json = not terminal if json is None else json
    journal = is_journal(stream, os.environ if environ is None else environ)
    structlog.configure(
        processors=_processors(json_line if as_json else console_line(colors=terminal)),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=functools.partial(SinkLogger, Sink(stream, priorities=journal)),
        # Loggers are made at import: a cached one would never see a later configuration.
        cache_logger_on_first_use=False,
    )
    bridge.install(number)


def _processors(render: Callable[[EventDict], str]) -> list[Processor]:
    def finish(_logger: WrappedLogger, _method: str, event: EventDict) -> tuple[Any, Any]:
        return (render(event), event["level"]), {}

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _add_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        finish,
    ]


def _add_name(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if logger.name:
        event.setdefault("logger", logger.name)
    return event
