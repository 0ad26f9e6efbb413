"""Believes an emptied configuration only when it has seen it twice.

A tree without bindings is more often an accident (a checkout under way, a volume that is not
mounted) than a wish, and it would cost every image.
"""

from __future__ import annotations

from typing import Final

SECONDS: Final = 30.0


class EmptiedGuard:
    """Refuses to let all bindings go at once, until they are gone for good.

    Args:
        allow: whether empty means empty (`--allow-empty`).
        seconds: how long after the first look a second one has to find the same.
    """

    def __init__(self, *, allow: bool = False, seconds: float = SECONDS) -> None:
        self._allow = allow
        self._seconds = seconds
        self._since: float | None = None

    def is_due(self, now: float) -> bool:
        """Whether it is time for the second look; *now* is monotonic."""
        return self._since is not None and now - self._since >= self._seconds

    def forget(self) -> None:
        """What was found is not empty, or not valid."""
        self._since = None

    def refusal(self, *, before: int, after: int, now: float) -> str | None:
        """Why so many bindings *before* may not become so many *after*; None if they may."""
        if after or not before or self._allow or self.is_due(now):
            self.forget()
            return None
        if self._since is None:
            self._since = now
        return (
            f"has no bindings any more; all {before:,} and their images stay until that was found "
            f"twice, {self._seconds:.0f} s apart; put the files back, or start with --allow-empty"
        )
