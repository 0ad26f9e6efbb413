"""Bytes of a file → text: UTF-8, with or without a byte order mark (item 10)."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final

from repaintd.config.problem import Problem
from repaintd.config.yaml_syntax import position

if TYPE_CHECKING:
    from repaintd.config.files import Entry
    from repaintd.config.problem import Report

_WIDE_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_FIRST_BYTES: Final = 4


def decode(entry: Entry, body: bytes, report: Report) -> str | None:
    """The text, or None where there is none; the report says where and why."""
    if body.startswith(_WIDE_MARKS) or body.count(0, 0, _FIRST_BYTES) > 1:
        report.add(Problem(file=entry.relative, message="is UTF-16 or UTF-32; save it as UTF-8"))
        return None
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = _broken(entry, body.removeprefix(codecs.BOM_UTF8), error)
    report.add(problem)
    return None


def _broken(entry: Entry, body: bytes, error: UnicodeDecodeError) -> Problem:
    before = body[: error.start].decode()
    line, column = position(before, len(before))
    message = f"holds the byte 0x{body[error.start]:02X}, which is not UTF-8; save it as UTF-8"
    return Problem(file=entry.relative, line=line, column=column, message=message)
