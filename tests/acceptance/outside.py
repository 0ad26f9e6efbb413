"""Who is outside the daemon: senders of triggers, a receiver of webhooks, an MQTT broker, readers.

`conftest.py` loads this module and hands it out as the fixture `outside`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from standardwebhooks import Webhook

RECEIVER = Path(__file__).with_name("receiver.py")
LOCALHOST = "127.0.0.1"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SEED = "12"
"""Of the receiver's dice; this one soon shows every way to fail, and none too often."""
PUSHED = """
  - uid: {uid}
    templateId: {template}
    dataSource: {{ type: webhook, {merge} }}
    mapping: {{ title: "{title}", n: "{n}" }}
    refreshPolicy: {{ type: webhook }}
    webhook: {{ secret: "{secret}", debounce: 0.1, maxWait: 0.5 }}
    {extra}
"""


def pushed(uid: str, **more: str) -> str:
    """A binding whose data is pushed; triggers are signed with SECRET unless told otherwise."""
    usual = {"template": "card", "merge": "merge: replace", "title": "n", "n": "n"}
    return PUSHED.format(**{"uid": uid, "secret": SECRET, "extra": "", **usual, **more})


def signed(name: str, body: str, secret: str = SECRET) -> dict[str, str]:
    """The headers of a Standard Webhook, made by the stock library."""
    now = datetime.now(tz=UTC)
    return {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, now, body),
    }


class Sender:
    """Sends signed triggers all the time, and remembers what was accepted."""

    def __init__(self, port: int, uids: list[str], pause: float = 0.005) -> None:
        self._base = f"http://{LOCALHOST}:{port}/webhooks"
        self._uids = uids
        self._pause = pause
        self._numbers = count(1)
        self.accepted: dict[str, list[int]] = defaultdict(list)
        self.answers: dict[int, int] = defaultdict(int)

    async def run(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while True:
                for uid in self._uids:
                    await self._send(session, uid, next(self._numbers))
                await asyncio.sleep(self._pause)

    @asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.run(), name="sender")
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _send(self, session: aiohttp.ClientSession, uid: str, n: int) -> None:
        body = json.dumps({"n": n})
        headers = signed(f"msg_{n}", body)
        try:
            async with session.post(f"{self._base}/{uid}", data=body, headers=headers) as answer:
                self.answers[answer.status] += 1
                if answer.status == 202:
                    self.accepted[uid].append(n)
        except (aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(0.02)


@asynccontextmanager
async def receiving(directory: Path, port: int, failing: float = 0.0):
    """A receiver in a process of its own; yields the file of what it was told."""
    file = directory / "received.jsonl"
    file.touch()
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(RECEIVER), str(port), str(file), SECRET, str(failing), SEED
    )
    try:
        yield file
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def deliveries(file: Path) -> list[dict[str, Any]]:
    """What the receiver was told so far."""
    return [json.loads(line) for line in file.read_text().splitlines() if line.endswith("}")]


class Broker:
    """Mosquitto on a port of its own. What is queued for sessions survives, as does the session.

    Nothing but memory bounds what it holds for readers, so what it has acknowledged it also passes
    on, unless it is killed in between.
    """

    def __init__(self, program: str, directory: Path) -> None:
        self._program = program
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self.port = free_port()

    async def start(self) -> None:
        """Return when it listens."""
        config = self._directory / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} {LOCALHOST}\nallow_anonymous true\n"
            f"persistence true\npersistence_location {self._directory}/\n"
            "max_inflight_messages 0\nmax_queued_messages 0\n"
            f"user {os.environ.get('USER', 'root')}\n"
        )
        with (self._directory / "mosquitto.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._program, "-c", str(config), stdout=log, stderr=log
            )
        await until(self._listens, "the broker does not listen")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOCALHOST, self.port)) == 0

    def freeze(self) -> None:
        """Let it take nothing in: what is sent now is lost, unless it is stopped with SIGTERM."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """SIGTERM lets it write what it holds; SIGKILL does not."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)
            await self._process.wait()
            self._process = None


class Ear:
    """Reads topics in a session that outlives connections, brokers and their saved files."""

    def __init__(self, port: int, *topics: str) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self.subscribed = threading.Event()
        self._topics = [(topic, 1) for topic in topics]
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="reader", clean_session=False
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(self._topics)
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.on_message = lambda _client, _data, message: self.heard.append(
            (message.topic, bytes(message.payload), bool(message.retain))
        )
        self._port = port

    @asynccontextmanager
    async def listening(self):
        self._client.connect(LOCALHOST, self._port)
        self._client.loop_start()
        try:
            await until(self.subscribed.is_set, "no subscription")
            yield self
        finally:
            self._client.disconnect()
            await asyncio.to_thread(self._client.loop_stop)

    def payloads(self, topic: str) -> list[bytes]:
        return [payload for heard, payload, _ in list(self.heard) if heard == topic]


@asynccontextmanager
async def program(*command: str, **more: Any):
    """A program that runs until the end of the block; yields the list its lines go to."""
    path = shutil.which(command[0])
    assert path is not None, command[0]
    process = await asyncio.create_subprocess_exec(
        path, *command[1:], stdout=asyncio.subprocess.PIPE, limit=2**22, **more
    )
    lines: list[str] = []

    async def read() -> None:
        while line := await process.stdout.readline():
            lines.append(line.decode().rstrip("\n"))

    reading = asyncio.create_task(read(), name=f"output of {command[0]}")
    try:
        yield lines
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await reading


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOCALHOST, 0))
        return probe.getsockname()[1]


async def until(condition, what: Any, seconds: float = 60) -> None:
    """Wait until *condition*() holds; else fail with *what*, a text or what makes one."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(what() if callable(what) else what)
        await asyncio.sleep(0.05)


def query(home, sql: str) -> list[Any]:
    """Rows of the daemon's state database."""
    path = home.home / "state" / "state.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()
