"""Starting, stopping and reloading on signals: the first to stop drains, the second kills."""

from __future__ import annotations

import asyncio
import resource
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STOPPING: Final = (signal.SIGINT, signal.SIGTERM)
RELOADING: Final = signal.SIGHUP


class Terminate(Exception):
    """Raised in the task group to end it when the daemon was told to stop."""


@contextmanager
def stop_on_signals(stop: asyncio.Event, log: Any) -> Iterator[None]:
    """Let the first of these signals set *stop*; the next has its default, deadly effect."""
    loop = asyncio.get_running_loop()

    def restore() -> None:
        for number in STOPPING:
            loop.remove_signal_handler(number)

    def on_signal(received: signal.Signals) -> None:
        restore()
        for number in STOPPING:  # Python's own answer to SIGINT would only raise, somewhere
            signal.signal(number, signal.SIG_DFL)
        log.info("stopping; a second signal kills", signal=received.name)  # now it is true
        stop.set()

    for number in STOPPING:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        restore()


@contextmanager
def call_on_hangup(reload: Callable[[], None]) -> Iterator[None]:
    """Call *reload* in the loop on each SIGHUP, also while the daemon starts or stops."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(RELOADING, reload)
    try:
        yield
    finally:
        loop.remove_signal_handler(RELOADING)


def raise_descriptor_limit() -> int:
    """Allow as many open files as the system lets us: each reader and each source takes one.

    Returns:
        The limit in force.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
