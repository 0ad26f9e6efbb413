"""Looks names up through the system's resolver, in threads of its own."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

THREADS: Final = 16


class SystemResolver(AbstractResolver):
    """`getaddrinfo` with the machine's own rules (/etc/hosts, nsswitch, search domains).

    Own threads, because a look-up blocks for as long as a hostile name server likes, and the
    loop's default threads are there for everybody.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="repaintd-dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of *host*.

        Raises:
            OSError: there are none, or the name servers do not answer.
        """
        infos = await asyncio.get_running_loop().run_in_executor(
            self._threads, socket.getaddrinfo, host, port, family, socket.SOCK_STREAM
        )
        return [
            ResolveResult(
                hostname=host,
                host=_numeric(sockaddr),
                port=port,
                family=found,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found, _, protocol, _, sockaddr in infos
        ]

    async def close(self) -> None:
        """Let the threads go; one that is still waiting ends with its look-up."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _numeric(sockaddr: tuple[object, ...]) -> str:
    """The address, with its zone where it needs one."""
    host = str(sockaddr[0])
    zone = sockaddr[3] if len(sockaddr) > 3 else 0  # noqa: PLR2004 - (host, port, flow, zone)
    return f"{host}%{zone}" if zone and "%" not in host else host
