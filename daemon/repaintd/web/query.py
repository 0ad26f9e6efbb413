"""Parameters in the query of a request, checked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from repaintd.web.problem import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


def flag(query: Mapping[str, str], name: str, *, default: bool) -> bool:
    """`true` or `false`.

    Raises:
        Problem: it is neither.
    """
    text = query.get(name)
    if text is None:
        return default
    if text not in {"true", "false"}:
        raise invalid(name, "Must be true or false")
    return text == "true"


def number(query: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    """A whole number from *least* to *most*; None where it is not given.

    Raises:
        Problem: it is none, or out of range.
    """
    text = query.get(name)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise invalid(name, f"Must be a whole number from {least} to {most}")
    return int(text)
