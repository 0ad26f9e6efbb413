"""Says what went wrong in a template: file, line, the source there, and a caret under it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Final

from repaintd.errors import RenderFailed
from repaintd.render.frames import MAIN
from repaintd.render.lexer import line_of, pieces_of, used_filters

if TYPE_CHECKING:
    from repaintd.render.limits import Limits
    from repaintd.render.prepared import Prepared

_WIDTH: Final = 72
_FILTER_LINES: Final = 5


def failure_of(prepared: Prepared, error: dict[str, Any], limits: Limits) -> RenderFailed:
    """What a worker's error reply means for the refresh."""
    reason = error["reason"]
    if reason == "template_too_large":
        size, most = error["size"], limits.output
        why = f"the finished markup takes {size:,} bytes, more than {most:,}: show less data"
        return RenderFailed(f"{prepared.title}: {why}", reason=reason)
    if reason == "template_memory":
        return ended(prepared, -signal.SIGABRT, limits)
    if reason == "template_timeout":
        steps = f"it takes more than {limits.fuel:,} steps: look for loops within loops"
        return RenderFailed(_about_place(prepared, {**error, "detail": steps}), reason=reason)
    if "filter" in error:
        return RenderFailed(_about_filter(prepared, error), reason=reason)
    return RenderFailed(_about_place(prepared, error), reason=reason)


def ended(prepared: Prepared, code: int | None, limits: Limits) -> RenderFailed:
    """What the end of a worker means for the template that it worked on."""
    reason, why = cause_of_end(code, limits)
    return RenderFailed(f"{prepared.title}: {why}", reason=reason)


def cause_of_end(code: int | None, limits: Limits) -> tuple[str, str]:
    """Reason and explanation for an exit code, negative for a signal; None if it never started."""
    seconds, memory = f"{limits.deadline:g} s", f"{limits.memory >> 20} MiB"
    if code == -signal.SIGALRM:  # also when the daemon's own deadline was first
        return (
            "template_timeout",
            f"it takes longer than {seconds}: look for loops within loops, or show less data",
        )
    if code == -signal.SIGABRT:  # what Rust does when memory is refused
        return (
            "template_memory",
            f"it takes more than {memory} of memory: look for a text that grows or a huge width",
        )
    if code in {-signal.SIGSEGV, -signal.SIGBUS}:
        return (
            "template",
            "the template engine crashed on it: most often thousands of operators in a row",
        )
    if code == -signal.SIGKILL:
        why = "its worker was killed from outside: does the system run out of memory?"
        return "template_worker", why
    how = "does not start" if code is None else f"ended with exit code {code}"
    return "template_worker", f"a template worker {how}: is this installation complete?"


def excerpt(source: str, line: int, span: tuple[int, int] | None) -> str:
    """The source of a line with a caret under the bytes of *span*; long lines are cut."""
    lines = source.split("\n")
    if not 1 <= line <= len(lines):
        return ""
    text = "".join(c if c.isprintable() else " " for c in lines[line - 1])
    start, length = _columns(source, line, span, len(text))
    cut = max(0, start - _WIDTH // 2) if len(text) > _WIDTH else 0
    shown = text[cut : cut + _WIDTH]
    rows = [f"{line:>5} | {shown}"]
    if span is not None:
        carets = "^" * max(1, min(length, len(shown) - (start - cut)))
        rows.append(f"      | {' ' * (start - cut)}{carets}")
    return "\n".join(rows)


def _columns(source: str, line: int, span: tuple[int, int] | None, width: int) -> tuple[int, int]:
    """Start and length in characters of the part of *span* on that line."""
    if span is None:
        return 0, 0
    encoded = source.encode()
    offset = len(encoded[: span[0]].decode(errors="ignore"))
    length = len(encoded[span[0] : span[1]].decode(errors="ignore"))
    start = offset - sum(len(before) + 1 for before in source.split("\n")[: line - 1])
    return min(max(0, start), width), length


def _about_place(prepared: Prepared, error: dict[str, Any]) -> str:
    file, line = error.get("file", MAIN), error.get("line")
    title = prepared.title if file == MAIN else f"{prepared.title}, {file}"
    where = f"{title}, line {line}" if line else title
    source = prepared.files.get(file, "")
    span = error.get("range")
    shown = excerpt(source, line, tuple(span) if span else None) if line else ""
    return f"{where}: {error['detail']}" + (f"\n{shown}" if shown else "")


def _about_filter(prepared: Prepared, error: dict[str, Any]) -> str:
    name = error["filter"]
    places = [
        (file, source, line_of(source, token.offset))
        for file, source in prepared.files.items()
        for piece in pieces_of(source)
        for token in used_filters(piece)
        if token.text == name
    ]
    message = f'filter "{name}": {error["detail"]}'
    if len(places) == 1:
        file, source, line = places[0]
        title = prepared.title if file == MAIN else f"{prepared.title}, {file}"
        return f"{title}, line {line}: {message}\n{excerpt(source, line, None)}"
    lines = ", ".join(str(line) for _, _, line in places[:_FILTER_LINES])
    more = ", …" if len(places) > _FILTER_LINES else ""
    where = f", in one of the lines {lines}{more}" if lines else ""
    return f"{prepared.title}{where}: {message}"
