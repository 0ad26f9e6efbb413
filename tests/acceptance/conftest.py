"""A real daemon in a process of its own, and a data source that does as the test says."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import signal
import socket
import sys
import textwrap
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

if TYPE_CHECKING:
    from types import ModuleType

START_SECONDS = 40
TEMPLATE = """<!doctype html><html><head><style>
body{margin:0;background:#123;color:#fff;font:40px sans-serif}
</style></head><body>{{ title }} {{ n }}</body></html>"""


class SourceServer:
    """Serves JSON documents by path, with ETags; counts what it answered."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.status = 200
        self.answers: Counter[int] = Counter()
        self.port = 0
        self.counting = False
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    async def answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.asked += 1
        await self.gate.wait()
        if self.status != 200:
            self.answers[self.status] += 1
            return web.Response(status=self.status)
        document = self.documents.get(name)
        if self.counting:
            document = {"title": name, "n": sum(self.answers.values())}
        body = json.dumps(document).encode()
        etag = f'"{hash(body) & 0xFFFFFFFF:x}"'
        code = 304 if request.headers.get("If-None-Match") == etag else 200
        self.answers[code] += 1
        return web.Response(
            status=code,
            body=None if code == 304 else body,
            headers={"ETag": etag, "Content-Type": "application/json"},
        )


@pytest.fixture
async def source():
    server = SourceServer()
    app = web.Application()
    app.router.add_get("/{name}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    yield server
    await runner.cleanup()


class Daemon:
    """A running `repaintd run`, its log and its HTTP surface."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.port = port
        self.log: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()
        self.stderr: list[str] = []
        self._changed = asyncio.Condition()
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []

    @property
    def output(self) -> Path:
        return self.home / "output"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, *arguments: str) -> None:
        self.log.clear()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "repaintd",
            "run",
            "--config",
            str(self.home / "config"),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**20,
            start_new_session=True,
            env={**os.environ, "PYTHONWARNINGS": "default"},
        )
        self._readers = [
            asyncio.create_task(self._read_log(self._process.stdout), name="stdout"),
            asyncio.create_task(self._read_errors(self._process.stderr), name="stderr"),
        ]

    async def ready(self, seconds: float = START_SECONDS) -> None:
        await self.until(lambda: self.said("ready"), seconds)

    async def _read_log(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            try:
                entry = json.loads(line)
            except ValueError:
                entry = {"event": "not JSON", "line": line.decode(errors="replace")}
            async with self._changed:
                self.log.append(entry)
                self.counts[entry.get("event", "")] += 1
                self._changed.notify_all()

    async def _read_errors(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            self.stderr.append(line.decode(errors="replace"))

    async def until(self, condition, seconds: float = 20) -> None:
        """Wait until *condition*() holds, looked at with every line of the log and now and then."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    async with self._changed:
                        try:
                            async with asyncio.timeout(0.1):
                                await self._changed.wait()
                        except TimeoutError:
                            pass
        except TimeoutError:
            tail = "\n".join(json.dumps(entry) for entry in self.log[-15:])
            pytest.fail(f"not within {seconds} s; log:\n{tail}\n{''.join(self.stderr[-30:])}")

    def said(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        return [
            entry
            for entry in self.log
            if entry.get("event") == event and all(entry.get(k) == v for k, v in fields.items())
        ]

    def events(self, name: str, uid: str | None = None) -> list[dict[str, Any]]:
        found = self.said(name)
        return [entry for entry in found if uid is None or entry["binding"] == uid]

    async def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}{path}", headers=headers) as response,
        ):
            return response.status, response.headers.copy(), await response.read()

    async def metrics(self) -> dict[str, float]:
        _, _, body = await self.get("/metrics")
        rows = [line.rpartition(" ") for line in body.decode().splitlines() if line[:1] != "#"]
        return {name: float(value) for name, _, value in rows if name}

    async def exit_code(self, seconds: float = 45) -> int:
        assert self._process is not None
        async with asyncio.timeout(seconds):
            code = await self._process.wait()
            await asyncio.gather(*self._readers)
        return code

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    async def kill(self) -> None:
        """SIGKILL to the daemon alone, as the kernel's OOM killer would."""
        self.signal(signal.SIGKILL)
        await self.exit_code()

    async def post(
        self, path: str, body: bytes | str = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                f"http://127.0.0.1:{self.port}{path}", data=body, headers=headers
            ) as response,
        ):
            return response.status, await response.json(content_type=None)

    @property
    def authorisation(self) -> dict[str, str]:
        """The header that opens the API, with the key that the daemon made."""
        return {"Authorization": f"Bearer {(self.home / 'state' / 'api-key').read_text().strip()}"}

    async def command(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors of `repaintd` with these arguments."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "repaintd",
            *arguments,
            "--config",
            str(self.home / "config"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        return process.returncode or 0, output.decode(), errors.decode()

    def settle(self, text: str) -> None:
        """Add to `repaintd.yaml`."""
        settings = self.home / "config" / "repaintd.yaml"
        settings.write_text(settings.read_text() + textwrap.dedent(text))

    def bind(self, *bindings: str) -> None:
        """Write the one file of bindings."""
        write(self.home / "config" / "bindings" / "all.yaml", "bindings:" + "".join(bindings))

    @staticmethod
    def http_binding(
        uid: str, url: str, *, policy: str = "etag", ttl: int = 1, extra: str = ""
    ) -> str:
        return f"""
  - uid: {uid}
    name: {uid}
    templateId: card
    dataSource: {{ type: http, url: "{url}" }}
    mapping: {{ title: title, n: n }}
    refreshPolicy: {{ type: {policy}, ttlSeconds: {ttl} }}
    {extra}
"""

    @asynccontextmanager
    async def running(self, *arguments: str):
        await self.start(*arguments)
        await self.ready()
        yield self
        await self.close()

    async def close(self) -> None:
        if self._process is None:
            return
        if self._process.returncode is None:
            self.signal(signal.SIGTERM)
            try:
                await self.exit_code(20)
            except TimeoutError:
                os.killpg(self.pid, signal.SIGKILL)
                await self.exit_code()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))


@pytest.fixture(scope="session")
def outside() -> ModuleType:
    """`outside.py`: tests are no package, so that it cannot be imported."""
    spec = importlib.util.spec_from_file_location("outside", Path(__file__).with_name("outside.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def broker(tmp_path_factory, require, outside):
    """A broker that runs."""
    broker = outside.Broker(require("mosquitto"), tmp_path_factory.mktemp("broker"))
    await broker.start()
    yield broker
    await broker.stop(signal.SIGKILL)


@pytest.fixture
async def home(tmp_path, source):
    """A configuration directory without bindings; the settings let tests poll each second."""
    port = free_port()
    write(
        tmp_path / "config" / "repaintd.yaml",
        f"""
        server: {{ listen: "127.0.0.1:{port}", publicUrl: "http://127.0.0.1:{port}" }}
        refresh: {{ minTtlSeconds: 1 }}
        egress: {{ allow: ["127.0.0.1"] }}
        """,
    )
    write(tmp_path / "config" / "templates" / "card" / "template.html", TEMPLATE)
    write(
        tmp_path / "config" / "templates" / "card" / "template.yaml",
        "width: 400\nheight: 200\nvariables: { title: '', n: 0 }\n",
    )
    daemon = Daemon(tmp_path, port)
    yield daemon
    await daemon.close()
    shutil.rmtree(tmp_path, ignore_errors=True)
