"""Serving an image: the real listener beside a bare aiohttp handler with the same bytes."""

from __future__ import annotations

import random
import time
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp import web

from bench import seeds
from bench.daemon import loaded, open_daemon
from bench.processes import request_rate
from bench.rounds import alternate
from bench.table import Budget, Row
from bench.workspace import free_port, uid
from repaintd.app.health import DaemonHealth
from repaintd.app.surface import open_surface
from repaintd.core.image import RenderedImage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bench.daemon import Daemon
    from bench.effort import Effort
    from bench.workspace import Workspace

BYTES: Final = 64 * 1024
CONNECTIONS: Final = 32
PATH: Final = f"/b/{uid(0)}.jpeg"


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """Requests a second with the image, and with 304."""
    workspace.write(1, "http://127.0.0.1/")
    configuration = loaded(workspace.config, browser=False)
    states = seeds.states(configuration, time.time())
    async with AsyncExitStack() as stack:
        daemon = await stack.enter_async_context(open_daemon(configuration, states))
        body = await _publish(daemon)
        health = DaemonHealth(daemon.parts, daemon.scheduler)
        ours = (await open_surface(stack, daemon.parts, health)).port
        etag = await _etag(ours)
        bare = await stack.enter_async_context(_bare(body, etag))
        ask = partial(request_rate, path=PATH, seconds=effort.seconds, connections=CONNECTIONS)
        rates = await alternate(
            {
                "ours": partial(ask, ours),
                "bare": partial(ask, bare),
                "ours 304": partial(ask, ours, etag=etag),
                "bare 304": partial(ask, bare, etag=etag),
            },
            effort.rounds,
            warm_up=False,
        )
    budget = Budget(of="ratio", at_least=0.7)
    return [
        Row(
            name="image served, 200",
            ours=rates["ours"],
            baseline=rates["bare"],
            unit="/s",
            budget=budget,
            note=f"{BYTES // 1024} KiB, {CONNECTIONS} connections kept alive, client in another "
            "process; baseline: a bare aiohttp handler without access log",
        ),
        Row(
            name="image served, 304",
            ours=rates["ours 304"],
            baseline=rates["bare 304"],
            unit="/s",
            budget=budget,
        ),
    ]


async def _publish(daemon: Daemon) -> bytes:
    """Put an image in place for the one binding that there is."""
    entry = daemon.parts.catalogue.entry(uid(0))
    assert entry is not None
    body = random.Random(0).randbytes(BYTES)
    image = RenderedImage(body=body, media_type="image/jpeg", width=1200, height=630)
    await daemon.parts.images.publish(entry.binding, image)
    return body


async def _etag(port: int) -> str:
    """The tag that the daemon gives the image."""
    url = f"http://127.0.0.1:{port}{PATH}"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        response.raise_for_status()
        return response.headers["ETag"]


@asynccontextmanager
async def _bare(body: bytes, etag: str) -> AsyncIterator[int]:
    """A handler that knows nothing but these bytes; gives its port."""

    async def serve(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        return web.Response(body=body, content_type="image/jpeg", headers={"ETag": etag})

    app = web.Application()
    app.router.add_get(PATH, serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = free_port()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield port
    finally:
        await runner.cleanup()
