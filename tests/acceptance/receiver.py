"""A receiver of webhooks in a process of its own: `receiver.py PORT FILE SECRET FAILING SEED`.

It verifies every delivery with the stock library of Standard Webhooks, fails a share of them in one
way or another after having written them down, and answers the others with 200. Each delivery is one
line of JSON in FILE.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

if TYPE_CHECKING:
    from typing import TextIO

STALL_SECONDS = 3.0


class Receiver:
    def __init__(self, file: TextIO, secret: str, failing: float, dice: random.Random) -> None:
        self._file = file
        self._secret = secret
        self._webhook = Webhook(secret)
        self._failing = failing
        self._dice = dice

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        fails = self._dice.random() < self._failing
        self._note(request, body, ok=not fails)
        return await self._fail(request) if fails else web.json_response({"received": True})

    def _note(self, request: web.Request, body: bytes, *, ok: bool) -> None:
        line = {
            "ok": ok,
            "id": request.headers["webhook-id"],
            "delivery": request.headers["X-Pictify-Delivery-Id"],
            "event": request.headers["X-Pictify-Event"],
            "body": body.decode(),
            "standard": self._standard(request, body),
            "pictify": self._pictify(request, body),
        }
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def _standard(self, request: web.Request, body: bytes) -> bool:
        try:
            self._webhook.verify(body.decode(), dict(request.headers))
        except WebhookVerificationError:
            return False
        return True

    def _pictify(self, request: web.Request, body: bytes) -> bool:
        """As the vendor's documentation tells receivers to do it."""
        pairs = dict(part.split("=") for part in request.headers["X-Pictify-Signature"].split(","))
        message = f"{pairs['t']}.".encode() + body
        return hmac.new(self._secret.encode(), message, hashlib.sha256).hexdigest() == pairs["v1"]

    async def _fail(self, request: web.Request) -> web.StreamResponse:
        how = self._dice.choice(("500", "429", "redirect", "drop", "stall"))
        if how == "redirect":
            return web.Response(status=302, headers={"Location": str(request.url)})
        if how == "429":
            return web.Response(status=429, headers={"Retry-After": "1"})
        if how == "stall":
            await asyncio.sleep(STALL_SECONDS)
        if how in ("drop", "stall") and request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)


def main() -> None:
    port, path, secret, failing, seed = sys.argv[1:]
    with Path(path).open("a", encoding="utf-8") as file:
        receiver = Receiver(file, secret, float(failing), random.Random(int(seed)))
        app = web.Application()
        app.router.add_post("/hook", receiver.take)
        web.run_app(app, host="127.0.0.1", port=int(port), print=None)


if __name__ == "__main__":
    main()
