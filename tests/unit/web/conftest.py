"""A house with fakes behind every door, and raw sockets to knock with."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from repaintd.core.binding import Binding, OutputConfig, RefreshPolicy, SourceConfig
from repaintd.core.event import StoredEvent
from repaintd.core.image import ServedImage
from repaintd.core.secret import Secret
from repaintd.core.state import BindingState
from repaintd.core.view import View
from repaintd.errors import SecretUnavailable
from repaintd.metrics import Metrics
from repaintd.web import Check, Readiness, Surface, create_app, open_listener

NOW = 1_800_000_000.0
PNG = b"\x89PNG the picture"
KEY = "k3y-of-the-house"
BEARER = {"Authorization": f"Bearer {KEY}"}


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


class FakeKeys:
    def matches(self, token):
        return token == KEY


@dataclass(frozen=True)
class FakeReceipt:
    queued: bool = True
    duplicate: bool = False
    refresh_id: str = "ref_1"


@dataclass(frozen=True)
class FakeRefreshed:
    view: View
    done: bool = True
    queued: bool = True
    changed: bool = True
    refresh_id: str = "ref_2"


class FakeIntake:
    """Remembers what it took; every id is new to it once per binding."""

    def __init__(self, bindings):
        self.bindings = bindings
        self.taken = []
        self.refreshes = []
        self.seen = set()
        self.fault = None
        self.hangs = False
        self.gone = False
        self.refreshed = {}

    async def receive(self, uid, /, *, trigger, seen=(), push=None):
        if self.hangs:
            await asyncio.Event().wait()
        if self.fault:
            raise self.fault
        if self.gone:
            return None
        if self.seen & {(uid, each) for each in seen}:
            return FakeReceipt(queued=False, duplicate=True)
        self.seen |= {(uid, each) for each in seen}
        self.taken.append((uid, trigger, push))
        return FakeReceipt(queued=not self.bindings.get(uid).binding.paused)

    async def refresh(self, uid, /, wait=0.0):
        if self.hangs:
            await asyncio.Event().wait()
        if self.fault:
            raise self.fault
        view = self.bindings.get(uid)
        if view is None:
            return None
        self.refreshes.append((uid, wait))
        result = {"done": wait > 0, "queued": not view.binding.paused, **self.refreshed}
        return FakeRefreshed(view=view, **result)


class FakeEvents:
    """The history: a list, of which the oldest may be dropped."""

    def __init__(self):
        self.kept = []
        self.latest = 0
        self.fault = None
        self.reads = 0
        self._news = asyncio.Condition()

    async def add(self, *, uid="card", name="binding.updated", body=None):
        self.latest += 1
        number = self.latest
        self.kept.append(
            StoredEvent(
                position=number,
                id=f"evt_{number}",
                name=name,
                uid=uid,
                sequence=number,
                at=NOW,
                body=b'{"n":%d}' % number if body is None else body,
            )
        )
        async with self._news:
            self._news.notify_all()

    async def read(self, after, /, limit=100):
        self.reads += 1
        if self.fault:
            raise self.fault
        first = self.kept[0].position if self.kept else 1
        begin = max(0, after + 1 - first)
        return self.kept[begin : begin + limit]

    async def wait(self, after, /):
        async with self._news:
            await self._news.wait_for(lambda: self.latest > after)

    async def position_of(self, event_id, /):
        if self.fault:
            raise self.fault
        return next((each.position for each in self.kept if each.id == event_id), None)


class FakeDeliveries:
    def __init__(self):
        self.records = []
        self.asked = []
        self.fault = None
        self.replays = {}
        self.resumable = set()

    async def deliveries(self, *, sink=None, failed=False, limit=100):
        if self.fault:
            raise self.fault
        self.asked.append((sink, failed, limit))
        return self.records[:limit]

    async def replay(self, name, /):
        return self.replays.get(name, 0)

    async def resume(self, sink, /):
        return sink in self.resumable


class FakeSecrets:
    """References are names in a dictionary."""

    def __init__(self):
        self.values = {"one": "topsecret"}

    def __call__(self, reference):
        if reference not in self.values:
            raise SecretUnavailable(f"{reference} has no value")
        return Secret(self.values[reference])


@dataclass
class House:
    bindings: FakeBindings = field(default_factory=FakeBindings)
    images: FakeGallery = field(default_factory=FakeGallery)
    defaults: FakeGallery = field(default_factory=FakeGallery)
    clock: FakeClock = field(default_factory=FakeClock)
    health: FakeHealth = field(default_factory=FakeHealth)
    first_image: FakeFirstImage = field(default_factory=FakeFirstImage)
    secrets: FakeSecrets = field(default_factory=FakeSecrets)
    events: FakeEvents = field(default_factory=FakeEvents)
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    metrics: Metrics = field(default_factory=lambda: Metrics(CollectorRegistry(), version="1.2.3"))
    changes: dict = field(default_factory=lambda: {"page_lifetime": 0.0, "health_timeout": 0.1})
    port: int = 0
    listener: object = None
    app: object = None

    def __post_init__(self):
        self.intake = FakeIntake(self.bindings)

    def add(self, uid="card", *, image=True, **changes):
        """A binding; keywords are spread over the view's parts by name."""
        refresh = {k: changes.pop(k) for k in ("type", "ttl_seconds", "on_error") if k in changes}
        output = {k: changes.pop(k) for k in ("format", "width", "height") if k in changes}
        named = ("name", "paused", "source", "webhook")
        of_binding = {k: changes.pop(k) for k in named if k in changes}
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
                "keys": FakeKeys(),
                "intake": self.intake,
                "events": self.events,
                "deliveries": self.deliveries,
                "secret": self.secrets,
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
