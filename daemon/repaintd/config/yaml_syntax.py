"""What PyYAML says of text that is no YAML, in our words and with our positions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from yaml.error import MarkedYAMLError

from repaintd.config.problem import Problem

if TYPE_CHECKING:
    from yaml import YAMLError

_NOT_ALLOWED: Final = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ufeff\ue000-\ufffd\U00010000-\U0010ffff]"
)


def syntax_problem(file: str, error: YAMLError, text: str) -> Problem:
    """The place and cause of *error* in *text*."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        message = _message(error, _character(text, mark.line, mark.column))
        return Problem(file=file, line=mark.line + 1, column=mark.column + 1, message=message)
    return character_problem(file, text)


def character_problem(file: str, text: str) -> Problem:
    """The first character that YAML allows nowhere (section 5.1)."""
    found = _NOT_ALLOWED.search(text)
    at = found.start() if found else 0
    character = f"U+{ord(text[at]):04X}" if found else "a character"
    line, column = position(text, at)
    message = f"holds {character}, which YAML does not allow; remove it or write an escape"
    return Problem(file=file, line=line, column=column, message=message)


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of the character at *offset*."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _character(text: str, line: int, column: int) -> str:
    lines = text.split("\n", line + 1)
    return lines[line][column : column + 1] if line < len(lines) else ""


def _message(error: MarkedYAMLError, character: str) -> str:
    if character == "\t":
        return "is not YAML: a tab cannot indent; use spaces"
    context = f" {error.context}" if error.context else ""
    return f"is not YAML:{context} {error.problem}; mend the syntax around here"
