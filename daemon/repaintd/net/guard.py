"""Holds connections to the egress policy: once for the whole DNS answer, once for the socket.

The socket's check is the one that nothing can get around: it judges the very address that the
kernel is about to connect to, for names, IP literals and rebound names alike. The answer's check
comes first and is stricter: one special address among public ones condemns the name.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver, ResolveResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.connector import AddrInfoType

    from repaintd.core.egress import EgressPolicy


class EgressRefused(OSError):
    """The policy forbids this connection. An OSError, so that aiohttp takes it for a failed one."""


class GuardedResolver(AbstractResolver):
    """Refuses names with any forbidden address in the answer."""

    def __init__(self, inner: AbstractResolver, policy: EgressPolicy) -> None:
        self._inner = inner
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The answer, if all of it may be connected to.

        Raises:
            EgressRefused: some of it may not.
            OSError: there is no answer.
        """
        answer = await self._inner.resolve(host, port, family)
        for result in answer:
            kind = self._policy.refusal(result["host"], port)
            if kind is not None:
                raise EgressRefused(f"resolves to {kind}")
        return answer

    async def close(self) -> None:
        """Nothing to close: the inner resolver has an owner of its own."""


def guarded_sockets(policy: EgressPolicy) -> Callable[[AddrInfoType], socket.socket]:
    """A factory that makes a socket only for an address that may be connected to."""

    def create(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        refusal = policy.refusal(str(address[0]), int(address[1]))
        if refusal is not None:
            raise EgressRefused(f"is {refusal}")
        return socket.socket(family, kind, protocol)

    return create
