"""Signed webhooks: to one receiver beside a bare client, and to twenty beside a black hole."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import statistics
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final

import aiohttp

from bench.daemon import RefreshesFailed, loaded, open_daemon
from bench.occurrences import happen
from bench.processes import beside
from bench.rounds import alternate, percentile
from bench.table import Budget, Row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bench.daemon import Daemon
    from bench.effort import Effort
    from bench.workspace import Workspace
    from repaintd.core.event import StoredEvent
    from repaintd.core.ports import EventSink
    from repaintd.runtime.deliveries import Deliveries

HEALTHY: Final = 20
BINDINGS: Final = 64
AT_ONCE: Final = 8  # attempts at a time to one receiver, the default
PER_SECOND: Final = 20  # events beside the black hole: far from all that can be done
TURNS: Final = 3  # for each round: short ones, so that the machine's noise hits both
GIVES_UP: Final = 1  # seconds for one attempt, the least that can be set: so it fails often
LONGEST: Final = 60.0
HOLE: Final = "hole"
SECRET: Final = "a-secret-of-the-bench"
SETTINGS: Final = f"""\
plugins: {{ webhooks: {{ timeout: {GIVES_UP}, disableAfter: 0 }} }}
webhooks:
"""
SUBSCRIPTION: Final = """\
  - uid: {uid}
    event: "*"
    targetUrl: "http://127.0.0.1:{port}/"
    secret: {secret}
"""


@dataclass(slots=True)
class Scene:
    """The daemon that tells, and those whom it tells.

    Attributes:
        ports: of the healthy receivers.
        sinks: for all receivers, by the uid of the subscription.
        cost: seconds of a processor for one delivery, by round.
        bare_cost: the same of the baseline.
    """

    daemon: Daemon
    session: aiohttp.ClientSession
    ports: list[int]
    sinks: dict[str, EventSink]
    cost: list[float] = field(default_factory=list)
    bare_cost: list[float] = field(default_factory=list)
    numbers: count[int] = field(default_factory=lambda: count(1))

    @property
    def deliveries(self) -> Deliveries:
        """What is measured."""
        return self.daemon.parts.deliveries

    async def received(self, port: int) -> dict[str, float]:
        """When the receiver got which event first, since it was last asked."""
        async with self.session.get(f"http://127.0.0.1:{port}/") as response:
            notes = json.loads(await response.read())
        return dict(reversed(notes))


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """Deliveries a second to one, and what a dead one costs twenty."""
    async with beside("receivers", str(HEALTHY), "1") as receivers:
        healthy, holes = json.loads(receivers.said)
        uids = [*(f"r{number:02}" for number in range(HEALTHY)), HOLE]
        workspace.write(1, "http://127.0.0.1/", settings=_settings(uids, [*healthy, *holes]))
        configuration = loaded(workspace.config, browser=False)
        async with (
            open_daemon(configuration, {}) as daemon,
            aiohttp.ClientSession() as session,
        ):
            scene = Scene(daemon, session, healthy, _sinks(daemon))
            return [*await _rate(scene, effort), *await _slowdown(scene, effort)]


def _settings(uids: Sequence[str], ports: Sequence[int]) -> str:
    pairs = zip(uids, ports, strict=True)
    return SETTINGS + "".join(
        SUBSCRIPTION.format(uid=uid, port=port, secret=SECRET) for uid, port in pairs
    )


def _sinks(daemon: Daemon) -> dict[str, EventSink]:
    """As the daemon makes them."""
    webhooks = daemon.parts.configuration.settings.webhooks
    subscriber = daemon.parts.tools.subscribers["webhooks"]
    return {webhook.uid: subscriber(webhook.plain()) for webhook in webhooks}


@asynccontextmanager
async def _telling(scene: Scene) -> AsyncIterator[None]:
    """Deliver until the context is left; it can be entered again."""
    tasks = [
        asyncio.create_task(scene.daemon.parts.history.serve(), name="history"),
        asyncio.create_task(scene.deliveries.serve(), name="deliveries"),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _rate(scene: Scene, effort: Effort) -> Sequence[Row]:
    scene.deliveries.add(_name("r00"), scene.sinks["r00"])
    size = effort.burst // 2

    rates = await alternate(
        {"ours": partial(_deliver, scene, size), "bare": partial(_bare_deliver, scene, size)},
        effort.rounds,
    )
    await scene.deliveries.remove(_name("r00"))
    what = f"{AT_ONCE} at a time on both sides, two signatures each; baseline: aiohttp client loop"
    return [
        Row(
            name="webhooks delivered to one receiver",
            ours=rates["ours"],
            baseline=rates["bare"],
            unit="/s",
            note=what,
        ),
        Row(
            name="processor time of one delivery",
            ours=1e6 * statistics.median(scene.cost),
            baseline=1e6 * statistics.median(scene.bare_cost),
            unit="µs",
        ),
    ]


async def _deliver(scene: Scene, size: int) -> float:
    """Let that many events wait, then tell them."""
    await _happen(scene, size)
    latest = scene.daemon.parts.store.latest
    sinks = scene.daemon.parts.store.sinks()
    started, busy = time.perf_counter(), time.process_time()
    async with _telling(scene), asyncio.timeout(LONGEST):
        while _name("r00") not in sinks or sinks[_name("r00")].cursor < latest:
            await asyncio.sleep(0.002)
        scene.cost.append((time.process_time() - busy) / size)
        rate = size / (time.perf_counter() - started)
    await _check(scene, size)
    return rate


async def _happen(scene: Scene, size: int) -> None:
    """Events of many bindings."""
    store, first = scene.daemon.parts.store, next(scene.numbers)

    async def one_after_the_other(uid: str) -> None:
        for number in range(size // BINDINGS + 1):
            await happen(store, uid, number + 1)

    uids = [f"card-{first:04}-{number:02}" for number in range(BINDINGS)]
    await asyncio.gather(*(one_after_the_other(uid) for uid in uids))


async def _bare_deliver(scene: Scene, size: int) -> float:
    """Post the latest events again, with all that can be prepared prepared."""
    store = scene.daemon.parts.store
    events: list[StoredEvent] = []
    while len(events) < size:
        after = events[-1].position if events else store.latest - size
        events += await store.events(after, 1_000)
    waiting, url = iter(events), f"http://127.0.0.1:{scene.ports[0]}/"

    async def keep_posting(session: aiohttp.ClientSession) -> None:
        for event in waiting:
            headers = _signed(event)
            async with session.post(url, data=event.body, headers=headers) as response:
                await response.read()
                response.raise_for_status()

    async with aiohttp.ClientSession() as session:
        started, busy = time.perf_counter(), time.process_time()
        await asyncio.gather(*(keep_posting(session) for _ in range(AT_ONCE)))
        scene.bare_cost.append((time.process_time() - busy) / size)
        rate = size / (time.perf_counter() - started)
    await _check(scene, size)
    return rate


def _signed(event: StoredEvent) -> dict[str, str]:
    at, key = str(int(time.time())), SECRET.encode()
    ours = hmac.digest(key, f"{at}.".encode() + event.body, hashlib.sha256).hex()
    theirs = hmac.digest(key, f"{event.id}.{at}.".encode() + event.body, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "X-Pictify-Event": event.name,
        "X-Pictify-Delivery-Id": event.id,
        "X-Pictify-Signature": f"t={at},v1={ours}",
        "webhook-id": event.id,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{base64.b64encode(theirs).decode()}",
    }


async def _check(scene: Scene, size: int) -> None:
    received = len(await scene.received(scene.ports[0]))
    if received < size:
        raise RefreshesFailed(f"of {size} events the receiver got {received}")


async def _slowdown(scene: Scene, effort: Effort) -> Sequence[Row]:
    for uid, sink in scene.sinks.items():
        if uid != HOLE:
            scene.deliveries.add(_name(uid), sink)
    turn = effort.watch / TURNS
    async with _telling(scene):
        p99 = await alternate(
            {
                "alone": partial(_tell_all, scene, turn, hole=False),
                "beside": partial(_tell_all, scene, turn, hole=True),
            },
            effort.rounds * TURNS,
        )
    return [
        Row(
            name=f"event to {HEALTHY} receivers beside a black hole, p99",
            ours=1000 * p99["beside"],
            baseline=1000 * p99["alone"],
            unit="ms",
            budget=Budget(of="ratio", at_most=1.2),
            note=f"from commit to receipt, {PER_SECOND} events a second, each of another binding; "
            f"median of the p99 of {effort.rounds * TURNS} turns of {turn:g} s; attempts at the "
            f"black hole fail after {GIVES_UP} s; baseline: without it",
        )
    ]


async def _tell_all(scene: Scene, seconds: float, *, hole: bool) -> float:
    """Let events happen at an even pace; p99 of the times to each healthy receiver, in seconds."""
    if hole:
        scene.deliveries.add(_name(HOLE), scene.sinks[HOLE])
    committed: dict[str, float] = {}
    started, first = time.monotonic(), next(scene.numbers)
    for number in range(int(seconds * PER_SECOND)):
        await asyncio.sleep(started + number / PER_SECOND - time.monotonic())
        event_id = await happen(scene.daemon.parts.store, f"event-{first:04}-{number:06}", 1)
        committed[event_id] = time.monotonic()
    await _all_told(scene)
    if hole:
        await _close(scene)
    delays: list[float] = []
    for port in scene.ports:
        received = await scene.received(port)
        if missing := committed.keys() - received.keys():
            raise RefreshesFailed(f"a healthy receiver did not get {len(missing)} events")
        delays += [received[each] - at for each, at in committed.items()]
    return percentile(delays, 0.99)


async def _close(scene: Scene) -> None:
    """Take the black hole away; it must have swallowed something."""
    store, deadline = scene.daemon.parts.store, time.monotonic() + 10 * GIVES_UP
    while not await store.deliveries(sink=_name(HOLE), failed=True, limit=1):
        if time.monotonic() > deadline:
            raise RefreshesFailed("the black hole has swallowed nothing")
        await asyncio.sleep(0.1)
    await scene.deliveries.remove(_name(HOLE))


async def _all_told(scene: Scene) -> None:
    """Wait for the healthy ones."""
    latest, sinks = scene.daemon.parts.store.latest, scene.daemon.parts.store.sinks()
    healthy = [_name(uid) for uid in scene.sinks if uid != HOLE]
    async with asyncio.timeout(LONGEST):
        while any(sinks[name].cursor < latest for name in healthy):
            await asyncio.sleep(0.01)


def _name(uid: str) -> str:
    return f"webhooks/{uid}"
