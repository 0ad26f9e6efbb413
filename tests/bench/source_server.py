"""A data source fast enough not to be what is measured: raw HTTP/1.1 on asyncio, own process.

`/same/…` never changes and answers conditional requests with 304; `/new/…` is another document
each time; `/_repaintd/fonts/…` are the daemon's fonts, for browsers that are not the daemon's.
Prints its port and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys

from repaintd.render.fonts import shared_assets

ETAG = '"bench-1"'
NOT_MODIFIED = f"HTTP/1.1 304 Not Modified\r\nETag: {ETAG}\r\n\r\n".encode()
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
FONTS = {f"/{path}".encode(): asset for path, asset in shared_assets().items()}
COUNTER = itertools.count(1)


def document(number: int) -> bytes:
    """What a repository looks like when it has *number* stars."""
    return json.dumps(
        {
            "name": "picture-frame",
            "description": "Keeps images in step with the data they show, wherever they hang.",
            "owner": {"login": "example"},
            "stargazers_count": 40_000 + number,
            "forks_count": 1_234 + number % 97,
            "open_issues_count": number % 311,
            "language": "Python",
        }
    ).encode()


def found(body: bytes, media_type: str, *headers: str) -> bytes:
    """A whole 200 response."""
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {media_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def answer(head: bytes) -> bytes:
    """The response to one request head."""
    path = head.split(b" ", 2)[1]
    if path.startswith(b"/same/"):
        if b"\r\nif-none-match:" in head.lower():
            return NOT_MODIFIED
        return found(document(0), "application/json", f"ETag: {ETAG}")
    if path.startswith(b"/new/"):
        number = next(COUNTER)
        return found(document(number), "application/json", f'ETag: "{number}"')
    if path in FONTS:
        asset = FONTS[path]
        return found(asset.body, asset.media_type, "Cache-Control: max-age=31536000, immutable")
    if path == b"/":
        return found(b"<!doctype html><title>-</title>", "text/html")
    return NOT_FOUND


class Connection(asyncio.Protocol):
    """One client; requests without bodies only."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._waiting = b""

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while True:
            head, end, rest = self._waiting.partition(b"\r\n\r\n")
            if not end:
                return
            self._waiting = rest
            self._transport.write(answer(head))


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
