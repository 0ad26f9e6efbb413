"""Kill -9 of the daemon under triggers, refreshes and a receiver that fails: nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import sqlite3
import sys
import time
from collections import defaultdict
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from standardwebhooks import Webhook

RECEIVER = Path(__file__).with_name("receiver.py")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SHORT, LONG = 8, 100
FAILING = 0.3
SETTINGS = """
plugins:
  webhooks: { retries: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], timeout: 1 }
webhooks:
  - uid: everything
    events: ["*"]
    targetUrl: "http://127.0.0.1:%d/hook"
    secret: "%s"
"""
PUSHED = """
  - uid: {uid}
    templateId: card
    dataSource: {{ type: webhook, {merge} }}
    mapping: {{ title: "{title}", n: "{n}" }}
    refreshPolicy: {{ type: webhook }}
    webhook: {{ secret: "{secret}", debounce: 0.1, maxWait: 0.5 }}
"""


class Sender:
    """Sends signed triggers all the time, and remembers what was accepted."""

    def __init__(self, port: int, uids: list[str]) -> None:
        self._base = f"http://127.0.0.1:{port}/webhooks"
        self._uids = uids
        self._webhook = Webhook(SECRET)
        self._numbers = count(1)
        self.accepted: dict[str, list[int]] = defaultdict(list)
        self.answers: dict[int, int] = defaultdict(int)

    async def run(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while True:
                for uid in self._uids:
                    await self._send(session, uid, next(self._numbers))
                await asyncio.sleep(0.005)

    async def _send(self, session: aiohttp.ClientSession, uid: str, n: int) -> None:
        body = json.dumps({"n": n})
        headers = signed(self._webhook, f"msg_{n}", body)
        try:
            async with session.post(f"{self._base}/{uid}", data=body, headers=headers) as answer:
                self.answers[answer.status] += 1
                if answer.status == 202:
                    self.accepted[uid].append(n)
        except (aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(0.02)


def signed(webhook: Webhook, name: str, body: str) -> dict[str, str]:
    from datetime import UTC, datetime

    now = datetime.now(tz=UTC)
    return {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": webhook.sign(name, now, body),
    }


@contextlib.asynccontextmanager
async def receiving(tmp_path: Path, port: int):
    file = tmp_path / "received.jsonl"
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(RECEIVER), str(port), str(file), SECRET, str(FAILING), "7"
    )
    try:
        yield file
    finally:
        process.kill()
        await process.wait()


def settle(home, port: int) -> None:
    settings = home.home / "config" / "repaintd.yaml"
    text = settings.read_text() + SETTINGS % (port, SECRET)
    settings.write_text(text)


def pushed(uid: str, merge: str, title: str, n: str) -> str:
    return PUSHED.format(uid=uid, merge=merge, title=title, n=n, secret=SECRET)


async def kill_again_and_again(home, source, tmp_path, kills: int) -> None:
    port = free_port()
    settle(home, port)
    source.counting = True
    home.bind(
        pushed("latest", "merge: replace", "n", "n"),
        pushed("all", "merge: append, keep: 10000", "[-1].n", "length"),
        home.http_binding("polled", source.url("polled"), policy="ttl"),
    )
    sender = Sender(home.port, ["latest", "all"])
    dice = random.Random(kills)
    async with receiving(tmp_path, port) as file:
        sending = asyncio.create_task(sender.run(), name="sender")
        for _ in range(kills):
            await home.start()
            await home.ready()
            await asyncio.sleep(dice.uniform(0, 1.2))
            await home.kill()
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        source.counting = False
        source.documents["polled"] = {"title": "polled", "n": -1}
        async with home.running():
            await until(lambda: taken(home), "a trigger was accepted and never run")
            await until(lambda: not missing(home, file), lambda: f"missing: {missing(home, file)}")
    assert len(sender.accepted["all"]) > kills
    check_runs(home, sender)
    check_events(home, file)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def until(condition, what: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(what() if callable(what) else what)
        await asyncio.sleep(0.1)


def query(home, sql: str) -> list[Any]:
    path = home.home / "state" / "state.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def taken(home) -> bool:
    """Whether every binding has recorded a run that saw all its triggers."""
    states = {uid: json.loads(state) for uid, state in query(home, "SELECT uid, state FROM states")}
    received = dict(query(home, "SELECT uid, received FROM inbox"))
    return all(states[uid]["triggers_taken"] >= n for uid, n in received.items())


def deliveries(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines() if line.endswith("}")]


def missing(home, file: Path) -> set[str]:
    told = {row[0] for row in query(home, "SELECT id FROM events")}
    return told - {each["id"] for each in deliveries(file) if each["ok"]}


def check_runs(home, sender: Sender) -> None:
    """Every 202 is in the data that the last run has drawn."""
    states = {uid: json.loads(state) for uid, state in query(home, "SELECT uid, state FROM states")}
    documents = {
        uid: json.loads(document)
        for uid, document in query(home, "SELECT uid, document FROM inbox WHERE document NOT NULL")
    }
    assert documents["latest"]["n"] >= max(sender.accepted["latest"])
    assert states["latest"]["variables"]["n"] == documents["latest"]["n"]
    kept = [each["n"] for each in documents["all"]]
    assert kept == sorted(set(kept)), "a payload counts twice, or out of order"
    assert set(sender.accepted["all"]) <= set(kept), "an accepted payload is lost"
    assert states["all"]["variables"]["n"] == len(kept)
    assert set(sender.answers) <= {202, 503}


def check_events(home, file: Path) -> None:
    """Every event arrived, duplicates are byte for byte the same, no sequence has a hole."""
    rows = query(home, "SELECT id, uid, sequence, body FROM events ORDER BY position")
    bodies: dict[str, set[str]] = defaultdict(set)
    names: dict[str, set[str]] = defaultdict(set)
    for each in deliveries(file):
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
    check_order(file)


def check_order(file: Path) -> None:
    """The first successful deliveries of a binding's events come in their order."""
    first: dict[str, list[int]] = defaultdict(list)
    seen: set[str] = set()
    for each in deliveries(file):
        if each["ok"] and each["id"] not in seen:
            seen.add(each["id"])
            data = json.loads(each["body"])["data"]
            first[data["bindingId"]].append(data["sequence"])
    for uid, sequences in first.items():
        assert sequences == sorted(sequences), f"{uid}: events arrived out of order"


@pytest.mark.chromium
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("kill-daemon")
async def test_d2_d3_kills_under_triggers_lose_no_trigger_and_no_event(home, source, tmp_path):
    await kill_again_and_again(home, source, tmp_path, SHORT)


@pytest.mark.chromium
@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_d2_d3_a_hundred_kills_under_triggers(home, source, tmp_path):
    await kill_again_and_again(home, source, tmp_path, LONG)
