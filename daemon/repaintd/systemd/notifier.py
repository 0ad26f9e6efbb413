"""Sends state changes to the service manager (sd_notify(3))."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = structlog.get_logger("repaintd.systemd")

_TIMEOUT: Final = 0.2
_LONGEST_STATUS: Final = 500


class Notifier:
    """Speaks to the socket at *address*; without one, every call does nothing.

    A manager that does not listen is no reason to fail: no call raises.
    """

    def __init__(
        self, address: str | None, *, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        # "@" begins the name of a socket in the abstract namespace.
        self._address = f"\0{address[1:]}" if address and address[0] == "@" else address
        self._monotonic_ns = monotonic_ns
        self._failing = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Notifier:
        """For the socket that `$NOTIFY_SOCKET` names."""
        return cls(environ.get("NOTIFY_SOCKET"))

    def ready(self, status: str = "") -> None:
        """Started, or reloaded, whether or not the reload succeeded."""
        self._send("READY=1", *_status(status))

    def reloading(self, status: str = "") -> None:
        """A reload begins; `ready` must follow. The time stamp is what `notify-reload` wants."""
        now = self._monotonic_ns() // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}", *_status(status))

    def stopping(self, status: str = "") -> None:
        """The end begins."""
        self._send("STOPPING=1", *_status(status))

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(*_status(status))

    def watchdog(self) -> None:
        """Alive; to be sent only after a real self-check."""
        self._send("WATCHDOG=1")

    def extend_timeout(self, seconds: float) -> None:
        """Starting, reloading or stopping takes up to *seconds* more, counted from now."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def _send(self, *lines: str) -> None:
        if not self._address or not lines:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(_TIMEOUT)
                sender.sendto("\n".join(lines).encode(), self._address)
        except (OSError, ValueError) as exc:
            self._complain(exc)
        else:
            self._failing = False

    def _complain(self, exc: Exception) -> None:
        if not self._failing:
            self._failing = True
            log.warning("service manager does not listen", why=str(exc))


def _status(text: str) -> tuple[str, ...]:
    line = " ".join(text.split())[:_LONGEST_STATUS]
    return (f"STATUS={line}",) if line else ()
