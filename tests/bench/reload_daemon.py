"""The whole daemon in a process of its own, with a probe in its event loop and no browser.

    python -m bench.reload_daemon DIRECTORY

Prints its port, an API key and the seconds of its first load as JSON when it is ready. `begin` on
standard input starts a time that is looked at, `end FIRST STOP` ends it: the answer is JSON, how
many seconds the loop was blocked at most and was kept from any core meanwhile, how many timers have
moved, and one of these; those of bindings with numbers from *FIRST* to before *STOP* may move. The
end of the input ends it.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import signal
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final
from unittest.mock import patch

from bench.daemon import BROWSER, ENVIRONMENT, loaded, quiet_log
from bench.timers import Timer, moved
from bench.workspace import uid
from repaintd.app import daemon as daemon_module
from repaintd.app import reloading, run_daemon
from repaintd.app.keys import find_key
from repaintd.core.image import RenderedImage
from repaintd.plugin import Components, SpecModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from repaintd.app import Loaded
    from repaintd.app.parts import Parts, Turning
    from repaintd.core.image import RenderJob
    from repaintd.plugin import PluginContext, SourceSpec

TICK: Final = 0.005
TTL: Final = 60
SCHEDULING: Final = Path("/proc/thread-self/schedstat")


class Probe:
    """A task beside all others; the time between two of its turns is what others see of a block."""

    def __init__(self) -> None:
        self._longest = (0.0, 0.0)
        self._last, self._waited = time.perf_counter(), queued()

    async def serve(self) -> None:
        """Tick for ever."""
        while True:
            await asyncio.sleep(TICK)
            self._longest = self.longest
            self._last, self._waited = time.perf_counter(), queued()

    @property
    def longest(self) -> tuple[float, float]:
        """Seconds, a tick included, and how many of them the thread was kept from any core."""
        now = (time.perf_counter() - self._last, queued() - self._waited)
        return max(self._longest, now)

    async def begin(self) -> None:
        """Forget what was until now."""
        await asyncio.sleep(2 * TICK)
        self._longest = (0.0, 0.0)


def queued() -> float:
    """Seconds that this thread could have run but others did; 0 where the kernel does not tell."""
    try:
        return int(SCHEDULING.read_text("ascii").split()[1]) / 1e9
    except FileNotFoundError:
        return 0.0


class Instant:
    """A plugin in place of the browser: draws nothing, at once."""

    name: ClassVar[str] = BROWSER
    settings_model: ClassVar[type[SpecModel]] = SpecModel
    source_specs: ClassVar[Mapping[str, type[SourceSpec]]] = {}

    @asynccontextmanager
    async def open(self, settings: Any, context: PluginContext) -> AsyncIterator[Components]:
        yield Components(renderers={self.name: self})

    async def render(self, job: RenderJob) -> RenderedImage:
        return RenderedImage(
            body=job.markup.encode(),
            media_type=job.format.media_type,
            width=job.width,
            height=job.height,
        )

    async def probe(self) -> None:
        """Works."""


class Watched:
    """A daemon that runs, as far as its timers are concerned."""

    def __init__(self, parts: Parts, turning: Turning) -> None:
        self._catalogue = parts.catalogue
        self._scheduler = turning.scheduler
        self._before = (
            b""  # packed: the daemon's garbage collector is to have nothing to do with it
        )

    def begin(self) -> None:
        """Remember all timers."""
        self._before = pickle.dumps(self._timers())

    def moved(self, touched: range) -> list[str]:
        """Timers that have moved since, but for those of the bindings with these numbers."""
        before: Mapping[str, Timer] = pickle.loads(self._before)  # noqa: S301 - our own
        after, left_out = self._timers(), frozenset(map(uid, touched))
        return [
            f"{name}: {before[name]} → {after.get(name)}"
            for name in moved(before, after, TTL)
            if name not in left_out
        ]

    def _timers(self) -> Mapping[str, Timer]:
        timetable, scheduler = self._scheduler._timetable, self._scheduler
        offset = time.time() - time.monotonic()
        return {
            name: Timer(
                set=timetable.at(name),
                due=entry.state.next_due_at,
                attempted=entry.state.last_attempt_at or 0.0,
                running=scheduler.is_running(name),
                offset=offset,
                reason=entry.state.last_error or entry.state.due_reason,
            )
            for entry in self._catalogue.entries()
            for name in (entry.binding.uid,)
        }


async def serve(directory: Path) -> None:
    started = time.perf_counter()
    configuration = _with_instant(loaded(directory, browser=True))
    load_seconds = time.perf_counter() - started
    opened: list[Watched] = []

    def open_reloads(parts: Parts, turning: Turning, *others: Any) -> Any:
        opened.append(Watched(parts, turning))
        return reloading.open_reloads(parts, turning, *others)

    ready = asyncio.Event()
    with quiet_log() as log, patch.object(daemon_module, "open_reloads", open_reloads):
        async with asyncio.TaskGroup() as tasks:
            running = run_daemon(
                configuration, log=log, environ=ENVIRONMENT, announce=lambda *_: ready.set()
            )
            tasks.create_task(running, name="daemon")
            await ready.wait()
            probe = Probe()
            probing = tasks.create_task(probe.serve(), name="probe")
            settings = configuration.configuration.settings
            key = find_key(configuration.configuration, ENVIRONMENT)
            assert key is not None
            print(json.dumps([settings.server.port, key.reveal(), load_seconds]), flush=True)
            await _obey(opened[0], probe)
            probing.cancel()
            os.kill(os.getpid(), signal.SIGTERM)


def _with_instant(whole: Loaded) -> Loaded:
    records = (
        replace(record, plugin=Instant()) if record.name == BROWSER else record
        for record in whole.records
    )
    return replace(whole, records=tuple(records))


async def _obey(watched: Watched, probe: Probe) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        order, *numbers = line.split()
        if order == "begin":
            watched.begin()
            await probe.begin()
            print("begun", flush=True)
            continue
        touched = range(*map(int, numbers))
        longest = probe.longest  # before the loop is blocked by looking at the timers
        found = watched.moved(touched)
        print(json.dumps([longest, len(found), found[:1]]), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
