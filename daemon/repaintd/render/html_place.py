"""Follows HTML source as far as needed to know where in it a piece of data would land."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Where = Literal["text", "tag", "quoted", "unquoted", "script", "style", "comment"]

HOLE: Final = "\ufffc"
"""Stands in `Place.before` for data that was printed there."""

_TAG: Final = re.compile(r"<(/?)([A-Za-z][^\s/>]*)")
_ATTRIBUTE: Final = re.compile(r"[^\s\"'<>/=]+")
_EQUALS: Final = re.compile(r"\s*=\s*")
_RAW: Final = {"script": "script", "style": "style", "textarea": "text", "title": "text"}
_MAX_BEFORE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the reading stands.

    Attributes:
        where: `text` (also in a title), `tag` (between or within names of attributes), in the
            value of an attribute (`quoted` or not), in a `script` or `style` element, in a comment.
        tag: name of the open or last opened tag.
        attribute: name of the attribute, in lower case, where it is known.
        quote: the one that the value stands in.
        before: what the value holds so far.
    """

    where: Where
    tag: str = ""
    attribute: str = ""
    quote: str = ""
    before: str = ""


class HtmlReader:
    """Reads source piece by piece; `place` says where the next data would land."""

    def __init__(self) -> None:
        self._where: Where = "text"
        self._raw = ""
        self._tag = ""
        self._closing = False
        self._attribute = ""
        self._quote = ""
        self._before = ""

    @property
    def place(self) -> Place:
        """Where the reading stands."""
        in_value = self._where in {"quoted", "unquoted"}
        return Place(
            where=self._where,
            tag=self._raw or self._tag,
            attribute=self._attribute if in_value else "",
            quote=self._quote if in_value else "",
            before=self._before if in_value else "",
        )

    def data(self) -> None:
        """Note that data is printed here."""
        self._note(HOLE)
        if self._where == "tag":
            self._attribute = ""

    def read(self, text: str) -> None:
        """Go on through source that is printed as it is."""
        at = 0
        while at < len(text):
            if self._raw and self._where != "tag":
                at = self._read_raw(text, at)
            elif self._where == "text":
                at = self._read_text(text, at)
            elif self._where == "comment":
                at = self._read_comment(text, at)
            elif self._where == "tag":
                at = self._read_tag(text, at)
            else:
                at = self._read_value(text, at)

    def _read_raw(self, text: str, at: int) -> int:
        end = re.compile(rf"</{self._raw}(?=[\s/>]|$)", re.IGNORECASE).search(text, at)
        if end is None:
            return len(text)
        self._raw = ""
        return self._open(end.end(), self._tag, closing=True)

    def _read_text(self, text: str, at: int) -> int:
        start = text.find("<", at)
        if start < 0:
            return len(text)
        if text.startswith("<!--", start):
            self._where = "comment"
            return start + 4
        if match := _TAG.match(text, start):
            return self._open(match.end(), match.group(2).lower(), closing=bool(match.group(1)))
        left = len(text) - start
        if left == 1 or (left == 2 and text[-1] == "/"):  # noqa: PLR2004 - the name itself is data
            return self._open(len(text), "", closing=True)
        return start + 1

    def _open(self, at: int, tag: str, *, closing: bool) -> int:
        self._where, self._tag, self._closing, self._attribute = "tag", tag, closing, ""
        return at

    def _read_comment(self, text: str, at: int) -> int:
        end = text.find("-->", at)
        if end < 0:
            return len(text)
        self._where = "text"
        return end + 3

    def _read_tag(self, text: str, at: int) -> int:
        if text[at] == ">":
            self._close()
            return at + 1
        if match := _EQUALS.match(text, at):
            return self._begin_value(text, match.end())
        if match := _ATTRIBUTE.match(text, at):
            self._attribute = match.group().lower()
            return match.end()
        return at + 1

    def _close(self) -> None:
        self._raw = "" if self._closing or self._tag not in _RAW else self._tag
        kind = _RAW.get(self._raw, "text")
        self._where = "script" if kind == "script" else "style" if kind == "style" else "text"

    def _begin_value(self, text: str, at: int) -> int:
        self._before = ""
        self._quote = text[at] if text[at : at + 1] in {'"', "'"} else ""
        self._where = "quoted" if self._quote else "unquoted"
        return at + len(self._quote)

    def _read_value(self, text: str, at: int) -> int:
        if self._quote:
            end = text.find(self._quote, at)
            end, after = (len(text), len(text)) if end < 0 else (end, end + 1)
        else:
            match = re.compile(r"[\s>]").search(text, at)
            end = after = len(text) if match is None else match.start()
        self._note(text[at:end])
        if end < len(text):
            self._where = "tag"
        return after

    def _note(self, text: str) -> None:
        self._before = (self._before + text)[:_MAX_BEFORE]
