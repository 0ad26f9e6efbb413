"""The least that a durable inbox has to do: aiohttp, an HMAC, a row, a commit.

    python -m bench.bare_inbox DATABASE

Prints its port and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import hmac
import sys

import aiosqlite
from aiohttp import web

from bench.hooks import signature

PREPARE = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS inbox (id TEXT PRIMARY KEY, uid TEXT, body BLOB);
"""


async def serve(path: str) -> None:
    async with aiosqlite.connect(path) as database:
        await database.executescript(PREPARE)

        async def accept(request: web.Request) -> web.Response:
            body = await request.read()
            given = request.headers.get("X-Hub-Signature-256", "")
            if not hmac.compare_digest(given.encode(), signature(body).encode()):
                return web.Response(status=401)
            row = (request.headers["X-GitHub-Delivery"], request.match_info["uid"], body)
            await database.execute("INSERT INTO inbox VALUES (?, ?, ?)", row)
            await database.commit()
            return web.json_response({"received": True}, status=202)

        app = web.Application()
        app.router.add_post("/webhooks/{uid}", accept)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
