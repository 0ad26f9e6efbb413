"""The end of the daemon under triggers, refreshes and a receiver that fails: nothing is lost."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest

if TYPE_CHECKING:
    from pathlib import Path

SHORT, LONG = 8, 100
LAST = -1
OFTEN, SELDOM = 0.3, 0.1
DRAIN_SECONDS = 25 + 5
SETTINGS = """
plugins:
  webhooks: {{ retries: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], timeout: 1 }}
webhooks:
  - uid: everything
    events: ["*"]
    targetUrl: "http://127.0.0.1:{port}/hook"
    secret: "{secret}"
"""


@asynccontextmanager
async def under_triggers(home, source, outside, tmp_path, failing: float = OFTEN):
    """Triggers all the time, a receiver that fails; yields the sender and the receiver's file.

    Afterwards a daemon runs until there is nothing left to do, and nothing was lost.
    """
    port = outside.free_port()
    home.settle(SETTINGS.format(port=port, secret=outside.SECRET))
    source.counting = True
    home.bind(
        outside.pushed("latest"),
        outside.pushed("all", merge="merge: append, keep: 10000", title="[-1].n", n="length"),
        home.http_binding("polled", source.url("polled"), policy="ttl"),
    )
    sender = outside.Sender(home.port, ["latest", "all"])
    async with outside.receiving(tmp_path, port, failing) as file:
        async with sender.running():
            yield sender
        source.counting = False
        source.documents["polled"] = {"title": "polled", "n": LAST}
        async with home.running():
            await outside.until(
                lambda: taken(home, outside), "a trigger was accepted and never run"
            )
            await outside.until(
                lambda: not missing(home, outside, file),
                lambda: f"missing: {missing(home, outside, file)}",
            )
    check_runs(home, outside, sender)
    check_events(home, outside, file)


async def kill_again_and_again(home, sender, kills: int) -> None:
    dice = random.Random(kills)
    for _ in range(kills):
        await home.start()
        await home.ready()
        await asyncio.sleep(dice.uniform(0, 1.2))
        await home.kill()
    assert len(sender.accepted["all"]) > kills


def taken(home, outside) -> bool:
    """Whether every binding has recorded a run that saw all there will ever be."""
    rows = outside.query(home, "SELECT uid, state FROM states")
    states = {uid: json.loads(state) for uid, state in rows}
    received = dict(outside.query(home, "SELECT uid, received FROM inbox"))
    return states["polled"]["variables"].get("n") == LAST and all(
        states[uid]["triggers_taken"] >= n for uid, n in received.items()
    )


def missing(home, outside, file: Path) -> set[str]:
    told = {row[0] for row in outside.query(home, "SELECT id FROM events")}
    return told - {each["id"] for each in outside.deliveries(file) if each["ok"]}


def check_runs(home, outside, sender) -> None:
    """Every 202 is in the data that the last run has drawn."""
    states = {
        uid: json.loads(state)
        for uid, state in outside.query(home, "SELECT uid, state FROM states")
    }
    documents = {
        uid: json.loads(document)
        for uid, document in outside.query(
            home, "SELECT uid, document FROM inbox WHERE document NOT NULL"
        )
    }
    assert documents["latest"]["n"] >= max(sender.accepted["latest"])
    assert states["latest"]["variables"]["n"] == documents["latest"]["n"]
    kept = [each["n"] for each in documents["all"]]
    assert kept == sorted(set(kept)), "a payload counts twice, or out of order"
    assert set(sender.accepted["all"]) <= set(kept), "an accepted payload is lost"
    assert states["all"]["variables"]["n"] == len(kept)
    assert set(sender.answers) <= {202, 503}


def check_events(home, outside, file: Path) -> None:
    """Every event arrived, duplicates are byte for byte the same, no sequence has a hole."""
    rows = outside.query(home, "SELECT id, uid, sequence, body FROM events ORDER BY position")
    bodies: dict[str, set[str]] = defaultdict(set)
    names: dict[str, set[str]] = defaultdict(set)
    for each in outside.deliveries(file):
        assert each["standard"], "a stock library refuses the signature"
        assert each["pictify"], "the contract's own rule refuses the signature"
        bodies[each["id"]].add(each["body"])
        names[each["id"]].add(each["delivery"])
    for event_id, _, _, body in rows:
        assert bodies[event_id] == {body.decode()}
        assert len(names[event_id]) == 1
    for uid in {row[1] for row in rows}:
        sequences = [row[2] for row in rows if row[1] == uid]
        assert sequences == list(range(1, len(sequences) + 1)), f"{uid}: the sequence has a hole"
    check_order(outside, file)


def check_order(outside, file: Path) -> None:
    """The first successful deliveries of a binding's events come in their order."""
    first: dict[str, list[int]] = defaultdict(list)
    seen: set[str] = set()
    for each in outside.deliveries(file):
        if each["ok"] and each["id"] not in seen:
            seen.add(each["id"])
            data = json.loads(each["body"])["data"]
            first[data["bindingId"]].append(data["sequence"])
    for uid, sequences in first.items():
        assert sequences == sorted(sequences), f"{uid}: events arrived out of order"


class Listener:
    """Somebody on `/events`; knows when the stream ended, and whether it was cut short."""

    def __init__(self, home) -> None:
        self._url = f"http://127.0.0.1:{home.port}/events"
        self._headers = home.authorisation
        self.heard = 0
        self.ended_at = 0.0

    async def run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(self._url, headers=self._headers) as response,
        ):
            async for line in response.content:
                self.heard += line.startswith(b"id: ")
        self.ended_at = time.monotonic()


pytestmark = pytest.mark.chromium


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("kill-daemon")
async def test_d2_d3_kills_under_triggers_lose_no_trigger_and_no_event(
    home, source, outside, tmp_path
):
    async with under_triggers(home, source, outside, tmp_path) as sender:
        await kill_again_and_again(home, sender, SHORT)


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_d2_d3_a_hundred_kills_under_triggers(home, source, outside, tmp_path):
    async with under_triggers(home, source, outside, tmp_path) as sender:
        await kill_again_and_again(home, sender, LONG)


@pytest.mark.slow
@pytest.mark.xdist_group("kill-daemon")
async def test_a_stop_under_triggers_ends_in_time_with_zero_and_loses_nothing(
    home, source, outside, tmp_path
):
    async with under_triggers(home, source, outside, tmp_path, SELDOM) as sender:
        await home.start()
        await home.ready()
        listener = Listener(home)
        listening = asyncio.create_task(listener.run(), name="listener")
        await outside.until(
            lambda: listener.heard > 3 and len(sender.accepted["all"]) > 20, "nothing happens"
        )
        assert not listening.done()
        home.signal(signal.SIGTERM)
        stopped = time.monotonic()
        assert await home.exit_code(DRAIN_SECONDS) == 0
        await listening  # its end is no error: the stream was ended, not cut
        assert stopped < listener.ended_at < stopped + DRAIN_SECONDS
        assert home.said("stopped")
