"""The daemon without browser in a process of its own, where events happen on demand.

    python -m bench.event_daemon DIRECTORY SEND

*SEND* is how many seconds a client may take nothing of what waits for it. Prints
its port and an API key as JSON. Each line on standard input is a number of events that are to
happen; it is answered with a line when all of them are durable. The end of the input ends it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from bench.daemon import ENVIRONMENT, loaded, open_daemon
from bench.occurrences import happen
from repaintd.app import surface
from repaintd.app.health import DaemonHealth
from repaintd.app.keys import find_key
from repaintd.web import open_listener
from repaintd.web.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.daemon import Daemon

BINDINGS: Final = 64


async def serve(directory: Path, send: float) -> None:
    configuration = loaded(directory, browser=False)
    async with AsyncExitStack() as stack:
        daemon = await stack.enter_async_context(open_daemon(configuration, {}))
        # The daemon's own listener in everything but the limit, which it lets nobody set.
        short = partial(open_listener, limits=Limits(send=send))
        stack.enter_context(patch.object(surface, "open_listener", short))
        health = DaemonHealth(daemon.parts, daemon.scheduler)
        listener = await surface.open_surface(stack, daemon.parts, health)
        history = asyncio.create_task(daemon.parts.history.serve(), name="history")
        key = find_key(configuration.configuration, ENVIRONMENT)
        assert key is not None
        print(json.dumps([listener.port, key.reveal()]), flush=True)
        await _obey(daemon)
        history.cancel()
        with suppress(asyncio.CancelledError):
            await history


async def _obey(daemon: Daemon) -> None:
    bindings = [(f"card-{number:02}", count(1)) for number in range(BINDINGS)]
    while line := await asyncio.to_thread(sys.stdin.readline):
        left = iter(range(int(line)))
        await asyncio.gather(*(_happen(daemon, uid, numbers, left) for uid, numbers in bindings))
        print("done", flush=True)


async def _happen(daemon: Daemon, uid: str, numbers: Iterator[int], left: Iterator[object]) -> None:
    """One event of that binding after the other, as long as there are any *left* for it."""
    for _ in left:
        await happen(daemon.parts.store, uid, next(numbers))


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2])))
