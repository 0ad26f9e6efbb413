"""The secrets of inbound webhooks, as they were a moment ago at most.

They are resolved at use, but strangers use them too: without a short memory, everybody who knows a
hook could have files read as often as he likes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from repaintd.errors import SecretUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from repaintd.core.ports import Clock
    from repaintd.core.secret import Secret

LIFETIME: Final = 1.0
"""Seconds after which a changed secret counts at the latest."""
_MOST: Final = 4096

log = structlog.get_logger("repaintd.web")


class HookSecrets:
    """Resolves references, each once a second at most; says once that one has no value.

    Args:
        resolve: raises SecretUnavailable.
        clock: says when a second is over.
    """

    def __init__(self, resolve: Callable[[str], Secret], clock: Clock) -> None:
        self._resolve = resolve
        self._clock = clock
        self._known: dict[str, Secret | None] = {}
        self._missing: set[str] = set()
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
            self._known[reference] = self._resolved(reference)
        return self._known[reference]

    def _resolved(self, reference: str) -> Secret | None:
        try:
            secret = self._resolve(reference)
        except SecretUnavailable as exc:
            if reference not in self._missing and len(self._missing) < _MOST:
                self._missing.add(reference)
                log.warning("a secret of inbound webhooks cannot be used", error=str(exc))
            return None  # another one may do; with none, nothing is proven
        if reference in self._missing:
            self._missing.discard(reference)
            log.info("a secret of inbound webhooks can be used again")
        return secret
