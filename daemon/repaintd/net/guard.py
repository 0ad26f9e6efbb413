"""Holds connections to the egress policy: once for the whole DNS answer, once for the socket.

The socket's check is the one that nothing can get around: it judges the very address that the
kernel is about to connect to, for names, IP literals and rebound names alike. The answer's check
comes first and is stricter: one special address among public ones condemns the name.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp.abc import AbstractResolver, ResolveResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.connector import AddrInfoType

    from repaintd.core.egress import EgressPolicy

OWN: Final = "the daemon's own listener"


class EgressRefused(OSError):
    """The policy forbids this connection. An OSError, so that aiohttp takes it for a failed one."""


class OwnRefused(EgressRefused):
    """The connection would end at the daemon itself, which no policy can allow."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Judges one address and port.

    Attributes:
        policy: None for hosts that the operator lists by name: whatever they resolve to is meant.
        own: whether the daemon itself listens there; None where it may ask itself.
    """

    policy: EgressPolicy | None = None
    own: Callable[[str, int], bool] | None = None

    def check(self, address: str, port: int, verb: str = "is") -> None:
        """Pass an address that may be connected to; *verb* is how the host relates to it.

        Raises:
            EgressRefused: it may not.
        """
        self.check_own(address, port, verb)
        kind = None if self.policy is None else self.policy.refusal(address, port)
        if kind is not None:
            raise EgressRefused(f"{verb} {kind}")

    def check_own(self, host: str, port: int, verb: str = "is") -> None:
        """Pass a name or an address that is not known to be our own.

        Raises:
            OwnRefused: it is.
        """
        if self.own is not None and self.own(host, port):
            raise OwnRefused(f"{verb} {OWN}")

    def lists(self, host: str, port: int) -> bool:
        """Whether the operator lists that name."""
        return self.policy is not None and self.policy.allows_host(host, port)


class GuardedResolver(AbstractResolver):
    """Refuses names with any forbidden address in the answer."""

    def __init__(self, inner: AbstractResolver, guard: Guard) -> None:
        self._inner = inner
        self._guard = guard

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
            self._guard.check(result["host"], port, "resolves to")
        return answer

    async def close(self) -> None:
        """Nothing to close: the inner resolver has an owner of its own."""


def guarded_sockets(guard: Guard) -> Callable[[AddrInfoType], socket.socket]:
    """A factory that makes a socket only for an address that may be connected to."""

    def create(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        guard.check(str(address[0]), int(address[1]))
        return socket.socket(family, kind, protocol)

    return create
