"""Filters that shorten texts."""

from __future__ import annotations

import unicodedata
from typing import Any, Final

from repaintd.render.filters.values import to_count, to_text

_JOINER: Final = "\u200d"
_MAX: Final = 1_000_000


def truncate(value: Any, length: Any = 40, end: str = "…") -> str:
    """At most `length` characters, `end` included; letters keep accents, emoji their parts."""
    text, length = to_text(value), to_count(length, "length", 0, _MAX)
    if len(text) <= length:
        return text
    end = to_text(end)[:length]
    cut = length - len(end)
    while cut > 0 and (_clings(text[cut]) or text[cut - 1] == _JOINER):
        cut -= 1
    return text[:cut].rstrip() + end


def initials(value: Any, count: Any = 2) -> str:
    """Ada King Lovelace → AL: first letters of the first words and the last."""
    count = to_count(count, "count", 1, 10)
    words = [word for word in to_text(value).split() if any(map(str.isalnum, word))]
    chosen = [*words[: count - 1], words[-1]] if len(words) > count else words
    return "".join(next(filter(str.isalnum, word)) for word in chosen).upper()


def _clings(character: str) -> bool:
    """Whether a character belongs to the one before it."""
    return (
        character == _JOINER
        or unicodedata.category(character) in {"Mn", "Mc", "Me"}
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
    )
