"""A receiver of webhooks that does as it is told: verifies, fails, stalls, redirects and lies.

Runs in a process of its own; prints its ports as one line of JSON, ends when its input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import socket
import struct
import sys
import time

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError


class Receiver:
    def __init__(self):
        self.messages = []
        self.attempts = {}
        self.standard = ""
        self.pictify = ""
        self.canary = 0

    # what the test tells it

    async def log(self, request):
        messages, self.messages, self.attempts = self.messages, [], {}
        return web.json_response({"messages": messages})

    async def secret(self, request):
        told = await request.json()
        self.standard = told.get("standard", self.standard)
        self.pictify = told.get("pictify", self.pictify)
        return web.json_response({})

    async def canary_count(self, request):
        connections, self.canary = self.canary, 0
        return web.json_response({"connections": connections})

    async def canary_connected(self, reader, writer):
        self.canary += 1
        writer.close()

    # what webhooks are told

    async def noted(self, request):
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.messages.append(
            {
                "path": request.path,
                "headers": headers,
                "body": body.hex(),
                "port": request.transport.get_extra_info("peername")[1],
            }
        )
        return body, headers

    async def answer(self, request):
        """`/answer?status=…&after=…&ok_from=…`: that status, until so many attempts were made."""
        _, headers = await self.noted(request)
        attempt = self.attempts.get(headers["webhook-id"], 0) + 1
        self.attempts[headers["webhook-id"]] = attempt
        if attempt >= int(request.query.get("ok_from", "1000000")):
            return web.Response(status=204)
        extra = {"Retry-After": after} if (after := request.query.get("after")) else {}
        return web.Response(status=int(request.query["status"]), headers=extra, text="sorry")

    async def verify(self, request):
        """401 unless the signature is good for the one secret that is known."""
        body, headers = await self.noted(request)
        if self.standard:
            try:
                Webhook(self.standard).verify(body, headers)
            except WebhookVerificationError as exc:
                return web.Response(status=401, text=str(exc))
        if self.pictify and not contract_accepts(self.pictify, body, headers):
            return web.Response(status=401)
        return web.json_response({"received": True})

    async def stall(self, request):
        await self.noted(request)
        await asyncio.sleep(60)
        return web.Response()

    async def redirect(self, request):
        await self.noted(request)
        status, place = int(request.query["status"]), request.query["to"]
        return web.Response(status=status, headers={"Location": place})

    async def endless(self, request):
        await self.noted(request)
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x" * 65536)
        return response

    async def drip(self, request):
        await self.noted(request)
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x")
                await asyncio.sleep(0.05)
        return response

    async def raw(self, request):
        """`/raw/<name>`: bytes that aiohttp would not send."""
        await self.noted(request)
        transport = request.transport
        transport.write(RAW[request.match_info["name"]])
        await asyncio.sleep(0.05)
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()
        return web.Response()


RAW = {
    "reset": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "truncated-head": b"HTTP/1.1 200 OK\r\nContent-",
    "interim": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10_000,
    "switch": b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    "not-http": b"220 smtp.test ESMTP\r\n",
    "no-gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nlies",
    "huge-head": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1_000_000,
    "nothing": b"",
}


def contract_accepts(secret, body, headers):
    """Contract E.3 to the letter, as its receivers do it."""
    parts = dict(pair.split("=") for pair in headers["x-pictify-signature"].split(","))
    if list(parts) != ["t", "v1"] or abs(time.time() - int(parts["t"])) > 300:
        return False
    expected = hmac.new(secret.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256)
    return hmac.compare_digest(expected.hexdigest(), parts["v1"])


async def main():
    receiver = Receiver()
    app = web.Application()
    app.router.add_put("/log", receiver.log)
    app.router.add_put("/secret", receiver.secret)
    app.router.add_put("/canary", receiver.canary_count)
    app.router.add_post("/answer", receiver.answer)
    app.router.add_post("/verify", receiver.verify)
    app.router.add_post("/stall", receiver.stall)
    app.router.add_post("/redirect", receiver.redirect)
    app.router.add_post("/endless", receiver.endless)
    app.router.add_post("/drip", receiver.drip)
    app.router.add_post("/raw/{name}", receiver.raw)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    canary = await asyncio.start_server(receiver.canary_connected, "127.0.0.1", 0)
    ports = {"port": runner.addresses[0][1], "canary": canary.sockets[0].getsockname()[1]}
    print(json.dumps(ports), flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)
    canary.close()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
