"""What to say of a binding that there is not."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from repaintd.errors import RepaintdError

if TYPE_CHECKING:
    from collections.abc import Collection


def no_such_binding(uid: str, known: Collection[str]) -> RepaintdError:
    """Of *uid* that nobody knows, or only the configuration, whose bindings are *known*."""
    if uid in known:
        return RepaintdError(
            f"the daemon does not know {uid!r}: it works with an older configuration; "
            "its log says why"
        )
    near = difflib.get_close_matches(uid, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`repaintd list` shows those there are"
    return RepaintdError(f"there is no binding {uid!r}; {hint}")
