"""A house with fakes behind every door, and raw sockets to knock with."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from repaintd.core.binding import Binding, OutputConfig, RefreshPolicy, SourceConfig
from repaintd.core.image import ServedImage
from repaintd.core.state import BindingState
from repaintd.core.view import View
from repaintd.metrics import Metrics
from repaintd.web import Check, Readiness, Surface, create_app, open_listener

NOW = 1_800_000_000.0
PNG = b"\x89PNG the picture"


class FakeClock:
    def __init__(self):
        self.time = NOW

    def now(self):
        return self.time

    def monotonic(self):
        return self.time


class FakeBindings:
    def __init__(self):
        self.views = {}

    def get(self, uid):
        return self.views.get(uid)

    def all(self):
        return [self.views[uid] for uid in sorted(self.views)]


class FakeGallery:
    def __init__(self):
        self.files = {}
        self.reads = []
        self.fault = None

    async def read(self, filename):
        self.reads.append(filename)
        if self.fault:
            raise self.fault
        return self.files.get(filename)

    def put(self, filename, body=PNG, etag="abc", modified_at=NOW - 500.5):
        self.files[filename] = ServedImage(body=body, etag=etag, modified_at=modified_at)


class FakeHealth:
    def __init__(self):
        self.liveness = Readiness(ok=True)
        self.readiness = Readiness(ok=True, checks={"renderer": Check(ok=True, detail="drew")})
        self.asked = 0
        self.hangs = False

    async def live(self):
        return self.liveness

    async def ready(self):
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        return self.readiness


class FakeFirstImage:
    """Draws the image when asked to wait for it, if it was told what to draw."""

    def __init__(self):
        self.asked = []
        self.draw = None
        self.hangs = False

    async def wait_for_image(self, uid, seconds):
        self.asked.append((uid, seconds))
        if self.hangs:
            await asyncio.Event().wait()
        if self.draw is None:
            return False
        self.draw()
        return True


@dataclass
class House:
    bindings: FakeBindings = field(default_factory=FakeBindings)
    images: FakeGallery = field(default_factory=FakeGallery)
    defaults: FakeGallery = field(default_factory=FakeGallery)
    clock: FakeClock = field(default_factory=FakeClock)
    health: FakeHealth = field(default_factory=FakeHealth)
    first_image: FakeFirstImage = field(default_factory=FakeFirstImage)
    metrics: Metrics = field(default_factory=lambda: Metrics(CollectorRegistry(), version="1.2.3"))
    changes: dict = field(default_factory=lambda: {"page_lifetime": 0.0, "health_timeout": 0.1})
    port: int = 0
    listener: object = None
    app: object = None

    def add(self, uid="card", *, image=True, **changes):
        """A binding; keywords are spread over the view's parts by name."""
        refresh = {k: changes.pop(k) for k in ("type", "ttl_seconds", "on_error") if k in changes}
        output = {k: changes.pop(k) for k in ("format", "width", "height") if k in changes}
        of_binding = {k: changes.pop(k) for k in ("name", "paused", "source") if k in changes}
        binding = Binding(
            **{
                "uid": uid,
                "name": uid.title(),
                "template_id": "card",
                "source": SourceConfig(type="http", spec=None, fingerprint="f", host="api:443"),
                "refresh": RefreshPolicy(**refresh),
                "output": OutputConfig(**output),
                **of_binding,
            }
        )
        state = BindingState(**{"uid": uid, "next_due_at": NOW + 120, **changes})
        self.bindings.views[uid] = view = View(binding=binding, state=state)
        if image:
            self.images.put(binding.filename)
        return view

    def restate(self, uid, **changes):
        view = self.bindings.views[uid]
        self.bindings.views[uid] = replace(view, state=replace(view.state, **changes))

    def surface(self):
        return Surface(
            **{
                "bindings": self.bindings,
                "images": self.images,
                "defaults": self.defaults,
                "clock": self.clock,
                "metrics": self.metrics,
                "health": self.health,
                "first_image": self.first_image,
                "version": "1.2.3",
                "started_at": NOW - 130,
                "public_url": "https://pics.example.net",
                **self.changes,
            }
        )

    @asynccontextmanager
    async def open(self, add_routes=None, **options):
        self.app = create_app(self.surface())
        if add_routes:
            add_routes(self.app)
        async with open_listener(self.app, "127.0.0.1", 0, **options) as self.listener:
            self.port = self.listener.port
            yield self

    @asynccontextmanager
    async def client(self, add_routes=None, **options):
        async with (
            self.open(add_routes, **options),
            aiohttp.ClientSession(f"http://127.0.0.1:{self.port}") as session,
        ):
            yield session

    async def connect(self):
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def say(self, data):
        """Send raw bytes; all that comes back until the other side closes."""
        reader, writer = await self.connect()
        writer.write(data)
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        return answer


@pytest.fixture
def house():
    return House()


@pytest.fixture
async def client(house):
    async with house.client() as session:
        yield session
