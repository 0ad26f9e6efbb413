"""A real broker for each test, a daemon that is not there, and somebody who listens."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import aiomqtt
import pytest
import structlog
from prometheus_client import CollectorRegistry

from repaintd.core.binding import OutputConfig, SourceConfig
from repaintd.core.state import StoredImage
from repaintd.plugin import (
    Binding,
    BindingState,
    ImageFormat,
    PluginContext,
    Secret,
    StoredEvent,
    View,
)
from repaintd_mqtt.assembly import assembled
from repaintd_mqtt.backoff import Backoff
from repaintd_mqtt.settings import MqttSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator
    from pathlib import Path

    from repaintd_mqtt.sink import MqttSink

LOCALHOST = "127.0.0.1"
OPEN = ["allow_anonymous true"]


@dataclass(slots=True)
class Broker:
    """Mosquitto on a port of its own; what it retains survives `stop` and `start`."""

    program: str
    directory: Path
    lines: list[str] = field(default_factory=list)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it listens; the port stays the same."""
        self.port = self.port or free_port()
        config = self.directory / "mosquitto.conf"
        own = [
            f"listener {self.port} {LOCALHOST}",
            "persistence true",
            f"persistence_location {self.directory}/",
            f"user {os.environ.get('USER', 'root')}",
        ]
        access = [] if any("allow_anonymous" in line for line in self.lines) else OPEN
        config.write_text("\n".join([*own, *access, *self.lines]) + "\n")
        with (self.directory / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - the broker under test
                [self.program, "-c", str(config)], stdout=log, stderr=log
            )
        for _ in range(500):
            if self.process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex((LOCALHOST, self.port)) == 0:
                    return
            self.process.poll()
            time.sleep(0.01)
        raise AssertionError((self.directory / "mosquitto.log").read_text())

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """SIGTERM lets it write what it retains; SIGKILL does not."""
        if self.process is not None:
            self.send(number)
            self.send(signal.SIGCONT)
            self.process.wait(10)
            self.process = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOCALHOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """All bindings are looked at more often than once a second."""
    monkeypatch.setattr("repaintd_mqtt.mirror.ROUND", 0.1)
    monkeypatch.setattr("repaintd_mqtt.mirror.QUIET", 0.05)


@pytest.fixture
def cold_broker(tmp_path: Path, require: Callable[[str], str]) -> Iterator[Broker]:
    """A broker that has not been started."""
    directory = tmp_path / "broker"
    directory.mkdir()
    broker = Broker(program=require("mosquitto"), directory=directory)
    yield broker
    broker.stop(signal.SIGKILL)


@pytest.fixture
def broker(cold_broker: Broker) -> Broker:
    cold_broker.start()
    return cold_broker


@dataclass(slots=True)
class FakeHost:
    """A daemon with bindings that a test changes."""

    views: dict[str, View] = field(default_factory=dict)
    images: dict[str, bytes] = field(default_factory=dict)
    refreshed: list[str] = field(default_factory=list)
    broken: Exception | None = None

    def get(self, uid: str) -> View | None:
        return self.views.get(uid)

    def all(self) -> Iterable[View]:
        return sorted(self.views.values(), key=lambda view: view.binding.uid)

    def image_url(self, binding: Binding) -> str:
        return f"https://images.example/b/{binding.filename}"

    async def image(self, uid: str) -> bytes | None:
        if self.broken:
            raise self.broken
        return self.images.get(uid)

    async def refresh(self, uid: str) -> bool:
        if self.broken:
            raise self.broken
        self.refreshed.append(uid)
        return not self.views[uid].binding.paused

    def add(self, uid: str, image: bytes | None = None, **state: Any) -> None:
        """A new binding, or a new one in its place."""
        fields = {"created_at": 1.0, "variables": {"title": uid}, **state}
        self.views[uid] = View(
            binding=Binding(
                uid=uid,
                name=f"The {uid}",
                template_id="card",
                source=SourceConfig(type="static", spec=None, fingerprint="f"),
            ),
            state=BindingState(uid=uid, **fields),
        )
        if image is not None:
            self.publish(uid, image)

    def publish(self, uid: str, image: bytes) -> None:
        """A new image, as after a refresh."""
        self.images[uid] = image
        stored = StoredImage(
            etag=f"tag-{hash(image) % 100_000}",
            size=len(image),
            format="png",
            media_type="image/png",
            width=10,
            height=10,
            published_at=1.0,
        )
        self.change(uid, image=stored)

    def change(self, uid: str, **state: Any) -> None:
        view = self.views[uid]
        self.views[uid] = replace(view, state=replace(view.state, **state))

    def configure(self, uid: str, **binding: Any) -> None:
        view = self.views[uid]
        self.views[uid] = replace(view, binding=replace(view.binding, **binding))


@dataclass(slots=True)
class Log:
    """What was said, by level."""

    said: list[tuple[str, str]] = field(default_factory=list)

    def logger(self) -> Any:
        def keep(_logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
            self.said.append((method, " ".join(str(value) for value in event.values())))
            raise structlog.DropEvent

        return structlog.wrap_logger(None, processors=[keep])

    def lines(self, level: str) -> list[str]:
        return [text for method, text in self.said if method == level]


def no_http() -> Any:
    raise AssertionError("MQTT needs no HTTP")


@dataclass(slots=True)
class Bench:
    """Opens sinks as the daemon does."""

    broker: Broker
    directory: Path
    host: FakeHost = field(default_factory=FakeHost)
    log: Log = field(default_factory=Log)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    secrets: dict[str, str] = field(default_factory=dict)

    def context(self, **more: Any) -> PluginContext:
        return PluginContext(
            http=no_http,  # type: ignore[arg-type] # nobody may ask for it
            secret=lambda text: Secret(self.secrets.get(text, text)),
            registry=self.registry,
            log=self.log.logger(),
            directory=self.directory,
            **{"host": self.host, **more},
        )

    def settings(self, **more: Any) -> MqttSettings:
        given = {"host": LOCALHOST, "port": self.broker.port, **more}
        return MqttSettings.model_validate(given, by_alias=True)

    @asynccontextmanager
    async def working(
        self, *, within: float = 2.0, patience: float = 4.0, **settings: Any
    ) -> AsyncIterator[MqttSink]:
        """A sink at work."""
        with assembled(
            self.settings(**settings),
            self.context(),
            self.host,
            backoff=Backoff(first=0.05, most=0.2),
            within=within,
            timeout=patience,
        ) as sink:
            work = asyncio.create_task(sink.work())
            try:
                yield sink
            finally:
                work.cancel()
                await asyncio.wait((work,))
                assert work.cancelled(), work.exception()

    @asynccontextmanager
    async def listening(self, *topics: str, **client: Any) -> AsyncIterator[Ear]:
        """Somebody who reads topics from now on."""
        async with aiomqtt.Client(
            LOCALHOST, self.broker.port, max_queued_incoming_messages=0, **client
        ) as mqtt:
            ear = Ear(mqtt)
            task = asyncio.create_task(ear.listen())
            for topic in topics:
                await mqtt.subscribe(topic, qos=1)
            try:
                yield ear
            finally:
                task.cancel()
                await asyncio.wait((task,))

    def metric(self, name: str) -> float | None:
        return self.registry.get_sample_value(name)


@dataclass(slots=True)
class Ear:
    """Hears everything, in order; `at` is the latest of each topic."""

    client: aiomqtt.Client
    heard: list[tuple[str, bytes, bool]] = field(default_factory=list)
    at: dict[str, bytes] = field(default_factory=dict)

    async def listen(self) -> None:
        try:
            async for message in self.client.messages:
                self.heard.append((message.topic.value, message.payload, bool(message.retain)))
                self.at[message.topic.value] = message.payload
        except aiomqtt.MqttError:
            return  # the broker was stopped

    def payloads(self, topic: str) -> list[bytes]:
        return [payload for heard, payload, _ in self.heard if heard == topic]


@pytest.fixture
def bench(broker: Broker, tmp_path: Path) -> Bench:
    return Bench(broker=broker, directory=tmp_path)


@pytest.fixture
def cold_bench(cold_broker: Broker, tmp_path: Path) -> Bench:
    """The same, with a broker that a test starts when it likes."""
    cold_broker.port = free_port()
    return Bench(broker=cold_broker, directory=tmp_path)


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """`await eventually(lambda: …)` returns when it is true, and fails after 10 s."""

    async def see(condition: Callable[[], Any], within: float = 10.0) -> None:
        try:
            async with asyncio.timeout(within):
                while not condition():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError("it never became true") from None

    return see


@pytest.fixture
def event_of() -> Callable[..., StoredEvent]:
    """`event_of(7, "repo")` is the seventh event."""

    def make(position: int, uid: str = "repo", body: bytes | None = None) -> StoredEvent:
        return StoredEvent(
            position=position,
            id=f"evt_{position}",
            name="binding.updated",
            uid=uid,
            sequence=position,
            at=1.0,
            body=b'{"n":%d}' % position if body is None else body,
        )

    return make


@pytest.fixture
def pdf() -> OutputConfig:
    return OutputConfig(format=ImageFormat.PDF)
