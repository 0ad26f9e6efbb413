"""What to say of a binding that there is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repaintd.app.unknown import no_binding
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
    return RepaintdError(no_binding(uid, known))
