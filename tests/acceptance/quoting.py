"""A source, receiver and broker in one: it fails in every way, and quotes what it was sent.

`test_canaries.py` loads this module.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager, suppress

SLOW_SECONDS = 3


class Asked:
    """A request, as answers quote it."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.query = path.partition("?")[2]
        self.text = text
        self.line = " ".join(text.split())


class World:
    """Remembers every byte that it was sent."""

    def __init__(self) -> None:
        self.heard = b""
        self.modes: set[str] = set()
        self.connects = 0
        self.port = 0
        self.broker_port = 0

    @asynccontextmanager
    async def listening(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        self.broker = await asyncio.start_server(self._refuse, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.broker_port = self.broker.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.broker.close()

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard += await reader.read(4096)
        self.connects += 1
        writer.write(b"\x20\x02\x00\x05")  # CONNACK of MQTT 3.1.1: not authorised
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, ValueError, IndexError, asyncio.IncompleteReadError):
                while await self._answer(reader, writer):
                    pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1]) if length else 0)
        self.heard += head + body
        path = head.split(b" ", 2)[1].decode()
        mode = path.split("/")[1]
        self.modes.add(mode)
        if mode == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        if mode != "drop":
            asked = Asked(path, (head + body).decode())
            text = ANSWERS[mode](asked) if mode in ANSWERS else refusal(int(mode[1:]), asked)
            writer.write(text.encode())
            await writer.drain()
        return mode != "drop"


def response(status: int, body: str, **headers: str) -> str:
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Told\r\n{lines}\r\n{body}"


def refusal(status: int, asked: Asked) -> str:
    return response(
        status,
        json.dumps({"error": f"no such key: {asked.text}"}),
        **{"WWW-Authenticate": f'Bearer error="{asked.line}"', "Retry-After": asked.line[:200]},
    )


ANSWERS = {
    "ok": lambda _: response(200, json.dumps({"title": "fine", "n": 1}), ETag='"1"'),
    "html": lambda asked: response(200, f"<html>{asked.text}", **{"Content-Type": "text/html"}),
    "badjson": lambda asked: response(200, f'{{"token": "{asked.text}"'),
    "mime": lambda asked: response(
        200, asked.text, **{"Content-Type": f"application/xml; {asked.line[:300]}"}
    ),
    "large": lambda asked: response(200, json.dumps([asked.line] * 2000)),
    "truncated": lambda asked: response(200, asked.text, **{"Content-Length": "99999"}),
    "empty": lambda _: response(200, ""),
    "garbage": lambda asked: f"{asked.text}\r\n\r\n",
    "badheader": lambda asked: f"HTTP/1.1 200 OK\r\n{asked.line} no colon\x00\r\n\r\n",
    "badstatus": lambda asked: f"HTTP/1.1 {asked.line}\r\n\r\n",
    "deniedhop": lambda asked: response(302, "", Location=f"http://10.0.0.1/?{asked.query}"),
    "badhop": lambda asked: response(302, "", Location=f"ftp://127.0.0.1/?{asked.query}"),
    "loop": lambda asked: response(307, asked.text, Location=asked.path),
    "badgzip": lambda asked: response(200, asked.text, **{"Content-Encoding": "gzip"}),
    "slow": lambda asked: response(200, asked.text),
}
REFUSED = ("s304", "s401", "s403", "s404", "s429", "s500", "s503")
MODES = ("drop", *ANSWERS, *REFUSED)
