"""The secrets of inbound webhooks, as they were a moment ago at most.

They are resolved at use, but strangers use them too: without a short memory, everybody who knows a
hook could have files read as often as he likes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from repaintd.errors import SecretUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from repaintd.core.ports import Clock
    from repaintd.core.secret import Secret

LIFETIME: Final = 1.0
"""Seconds after which a changed secret counts at the latest."""
_MOST: Final = 4096


class HookSecrets:
    """Resolves references, each once a second at most.

    Args:
        resolve: raises SecretUnavailable.
        clock: says when a second is over.
    """

    def __init__(self, resolve: Callable[[str], Secret], clock: Clock) -> None:
        self._resolve = resolve
        self._clock = clock
        self._known: dict[str, Secret | None] = {}
        self._until = 0.0

    def values(self, references: Sequence[str]) -> list[str]:
        """The values of those that have one just now."""
        now = self._clock.monotonic()
        if now >= self._until or len(self._known) >= _MOST:
            self._known.clear()
            self._until = now + LIFETIME
        found = (self._secret(reference) for reference in references)
        return [secret.reveal() for secret in found if secret is not None]

    def _secret(self, reference: str) -> Secret | None:
        if reference not in self._known:
            try:
                self._known[reference] = self._resolve(reference)
            except SecretUnavailable:
                self._known[reference] = None  # another one may do; with none, nothing is proven
        return self._known[reference]
