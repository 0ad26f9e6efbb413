r"""Reads the text of a mapping path: dots, indexes, quoted keys, and a fallback after `||`.

    path     = [ "$" [ "." ] ] [ steps ] [ "||" JSON literal ]
    steps    = first *( "." name | "." quoted | bracket )
    first    = name | quoted | bracket
    bracket  = "[" ( integer | quoted | single-quoted ) "]"
    quoted   = a JSON string

A name takes every character, spaces within included, but those that mean something here or in
JMESPath: ``. [ ] " ' | * ? ( ) { } , & = < > ! ` `` and control characters. `@` alone is none.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Never

from repaintd.core.template import MISSING

MAX_LENGTH: Final = 512
"""Most characters of one path (contract B.4)."""

Step = str | int

_WORD = r"[^\s.\[\]\"'|*?(){},&=<>!`\x00-\x1f\x7f]+"
_NAME: Final = re.compile(rf"{_WORD}(?: +{_WORD})*")
_DOUBLE: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SINGLE: Final = re.compile(r"'((?:[^'\\\x00-\x1f]|\\['\\])*)'")
_INDEX: Final = re.compile(r"-?\d+")
_QUOTED_OR_BARS: Final = re.compile(rf"{_DOUBLE.pattern}|{_SINGLE.pattern}|\|\|")


class PathSyntaxError(ValueError):
    """A mapping path that cannot be read.

    Attributes:
        position: character of the path that it is about, from 0.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the steps of a path lie in its text, and the fallback behind them.

    Attributes:
        start: position behind an optional `$` or `$.`; end: position behind the last step.
        literal: the value behind `||`; MISSING without one (null is none either).
    """

    start: int
    end: int
    literal: Any = MISSING


def frame_of(text: str) -> Frame:
    """Find the steps of a path, which may be none of this language's.

    What follows `||` counts as a fallback only where it is JSON; otherwise it is part of the steps.
    """
    start = len(text) - len(text.lstrip())
    if text.startswith("$", start):
        start += 2 if text.startswith("$.", start) and text[start + 2 :].strip() else 1
    for match in _QUOTED_OR_BARS.finditer(text, start):
        if match.group() != "||":
            continue
        try:
            literal = json.loads(text[match.end() :], parse_constant=_no_constant)
        except (ValueError, RecursionError):
            break
        end = start + len(text[start : match.start()].rstrip())
        return Frame(start, end, MISSING if literal is None else literal)
    return Frame(start, max(start, len(text.rstrip())))


def steps_of(text: str, frame: Frame) -> tuple[Step, ...]:
    """Read the steps that lie in *frame*.

    Raises:
        PathSyntaxError: they are not of this language; JMESPath may still know them.
    """
    steps: list[Step] = []
    at, end = frame.start, frame.end
    while at < end:
        if text[at] == "[":
            step, at = _bracket(text, at + 1, end)
        elif text[at] == "." and steps:
            step, at = _name(text, at + 1, end)
        elif not steps:
            step, at = _name(text, at, end)
        else:
            _stop(text, at, end, 'a "." or a "["')
        steps.append(step)
    return tuple(steps)


def _name(text: str, at: int, end: int) -> tuple[Step, int]:
    if match := _DOUBLE.match(text, at, end):
        return _unquote(match), match.end()
    match = _NAME.match(text, at, end)
    if match is None or match.group() == "@":
        _stop(text, at, end, "a field name")
    return match.group(), match.end()


def _bracket(text: str, at: int, end: int) -> tuple[Step, int]:
    step: Step
    if match := _INDEX.match(text, at, end):
        step = int(match.group())
    elif match := _DOUBLE.match(text, at, end):
        step = _unquote(match)
    elif match := _SINGLE.match(text, at, end):
        step = re.sub(r"\\(.)", r"\1", match.group(1))
    else:
        _stop(text, at, end, "a whole number or a quoted key")
    if not text.startswith("]", match.end(), end):
        _stop(text, match.end(), end, 'a "]"')
    return step, match.end() + 1


def _unquote(match: re.Match[str]) -> str:
    try:
        return str(json.loads(match.group()))
    except ValueError as error:
        raise PathSyntaxError(f"{match.group()} is not a JSON string", match.start()) from error


def _stop(text: str, at: int, end: int, wanted: str) -> Never:
    found = f'"{text[at]}"' if at < end else "the end"
    raise PathSyntaxError(f"expected {wanted} at character {at + 1}, found {found}", at)


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")
