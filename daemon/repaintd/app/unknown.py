"""What to say of a binding that there is not."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def no_binding(uid: str, known: Iterable[str]) -> str:
    """That there is no *uid*, and the one of *known* that was probably meant."""
    near = difflib.get_close_matches(uid, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`repaintd list` shows those there are"
    return f"there is no binding {uid!r}; {hint}"
