"""How often systemd wants to hear that the daemon is alive (sd_watchdog_enabled(3))."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_PINGS_PER_TIMEOUT: Final = 3
"""Two pings may be late before the manager kills us."""


def watchdog_interval(environ: Mapping[str, str], pid: int) -> float | None:
    """Seconds between pings of process *pid*; None when nobody waits for them."""
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    timeout = environ.get("WATCHDOG_USEC", "")
    if not timeout.isdecimal() or int(timeout) == 0:
        return None
    return int(timeout) / 1_000_000 / _PINGS_PER_TIMEOUT
