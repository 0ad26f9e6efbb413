"""What commands ask the daemon, and what they make of every kind of answer."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from repaintd.app import client as module
from repaintd.app.client import DaemonClient, DaemonRefused, DaemonSilent, Message, address
from repaintd.errors import RepaintdError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "k3y-of-the-house"


class Listener:
    """Answers each connection with the next of its scripts, and keeps what was asked."""

    def __init__(self, *scripts: bytes, reads: bool = True) -> None:
        self._scripts = scripts
        self._reads = reads
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.asked: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, name="listener")
        self._thread.start()

    def _serve(self) -> None:
        for script in self._scripts:
            peer, _ = self._socket.accept()
            with peer:
                self.asked.append(self._request(peer) if self._reads else b"")
                peer.sendall(script)

    @staticmethod
    def _request(peer: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            data += peer.recv(65536)
        head = data.partition(b"\r\n\r\n")[0].lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        while len(data) < len(head) + 4 + length:
            data += peer.recv(65536)
        return data

    def close(self) -> None:
        self._thread.join(10)
        self._socket.close()


@contextlib.contextmanager
def listening(*scripts: bytes, reads: bool = True) -> Iterator[Listener]:
    listener = Listener(*scripts, reads=reads)
    try:
        yield listener
    finally:
        listener.close()


def answer(document: Any, status: str = "200 OK", kind: str = "application/json") -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def problem(status: str, detail: str) -> bytes:
    return answer({"detail": detail}, status, "application/problem+json")


def stream(*chunks: bytes, whole: bool = True) -> bytes:
    """A response in chunks; one that is not *whole* lacks its end."""
    framed = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return head + b"".join(framed) + (b"0\r\n\r\n" if whole else b"")


def configuration(port: int, state: Path, *keys: str, host: str = "127.0.0.1") -> Any:
    server = SimpleNamespace(host=host, port=port, api_keys=keys)
    return SimpleNamespace(settings=SimpleNamespace(server=server), state_path=state)


@pytest.fixture
def client(tmp_path: Path) -> Any:
    """Makes a client of a port."""
    return lambda port, key=KEY: DaemonClient(configuration(port, tmp_path, key), {})


@pytest.mark.parametrize(
    ("host", "reached"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("192.0.2.7", "192.0.2.7"), ("::1", "::1")],
)
def test_a_daemon_that_listens_everywhere_is_reached_here(
    tmp_path: Path, host: str, reached: str
) -> None:
    assert address(configuration(80, tmp_path, host=host)) == (reached, 80)


def test_every_call_asks_for_what_it_says_and_has_the_key(client: Any) -> None:
    texts = (
        {"status": "refreshing"},
        {"status": "refreshed"},
        {"deliveries": [1]},
        {"queued": 3},
        {"uid": "chat"},
    )
    with listening(*map(answer, texts)) as daemon:
        ours = client(daemon.port)
        assert ours.refresh("card", 0) == texts[0]
        assert ours.refresh("a/b?ü", 60) == texts[1]
        assert ours.deliveries(failed=True, subscription="chat", limit=7) == [1]
        assert ours.replay("evt_1") == 3
        ours.resume("chat")

    assert [each.partition(b" HTTP")[0] for each in daemon.asked] == [
        b"POST /bindings/card/refresh",
        b"POST /bindings/a%2Fb%3F%C3%BC/refresh?wait=60",
        b"GET /deliveries?limit=7&failed=true&subscription=chat",
        b"POST /deliveries/evt_1/replay",
        b"POST /webhook-subscriptions/chat/resume",
    ]
    assert all(f"Authorization: Bearer {KEY}\r\n".encode() in each for each in daemon.asked)


def test_a_trigger_comes_as_from_anybody_without_the_key(client: Any) -> None:
    with listening(answer({"received": True})) as daemon:
        client(daemon.port).trigger("card", b'{"n":1}', {"X-Gitlab-Token": "gehei\u00df"})

    (asked,) = daemon.asked
    assert asked.startswith(b"POST /webhooks/card ")
    assert asked.endswith(b'\r\n\r\n{"n":1}')
    assert "X-Gitlab-Token: gehei\u00df\r\n".encode() in asked
    assert b"Authorization" not in asked


@pytest.mark.parametrize("secret", ["two\nlines", "two\r\nX-More: 1"])
def test_a_secret_that_no_header_can_carry_is_said_and_not_shown(client: Any, secret: str) -> None:
    with pytest.raises(RepaintdError, match="no header can carry") as raised:
        client(9).trigger("card", b"", {"X-Gitlab-Token": secret})

    assert raised.value.__cause__ is None
    assert "lines" not in str(raised.value)


@pytest.mark.parametrize("key", ["schl\u00fcssel-schl\u00fcssel", "two\nlines", "a b", "x" * 513])
def test_a_key_that_can_be_none_is_said_and_not_shown(client: Any, key: str) -> None:
    with pytest.raises(RepaintdError, match="REPAINTD_API_KEY") as raised:
        client(9, key).resume("chat")

    assert key not in str(raised.value)


def test_a_key_that_is_not_taken_is_said_with_what_to_do(client: Any) -> None:
    refusal = problem("401 Unauthorized", "This needs the header")
    with listening(refusal, refusal) as daemon:
        ours = client(daemon.port)
        for call in (lambda: ours.replay("evt_1"), lambda: list(ours.events([]))):
            with pytest.raises(DaemonRefused, match="does not take this command's API key") as no:
                call()
            assert no.value.status == 401


def test_without_a_key_the_daemon_is_asked_all_the_same(tmp_path: Path) -> None:
    with listening(problem("401 Unauthorized", "This needs the header")) as daemon:
        ours = DaemonClient(configuration(daemon.port, tmp_path), {})
        with pytest.raises(DaemonRefused, match="API key"):
            ours.resume("chat")

    assert b"Authorization" not in daemon.asked[0]


def test_what_the_daemon_says_reaches_its_user(client: Any) -> None:
    with listening(problem("400 Bad Request", "The body is no valid JSON.")) as daemon:
        with pytest.raises(DaemonRefused, match="The body is no valid JSON") as refused:
            client(daemon.port).trigger("card", b"{", {})
        assert refused.value.status == 400


@pytest.mark.parametrize(
    "said",
    [
        answer(b"<html>", kind="text/html"),
        answer(b"{}", kind="text/html"),
        answer([1]),
        answer(b"{"),
        answer(b"no", "404 Not Found", "text/plain"),
    ],
)
def test_an_answer_that_is_no_repaintds_is_said(client: Any, said: bytes) -> None:
    with (
        listening(said) as daemon,
        pytest.raises(DaemonRefused, match="is no repaintd"),
    ):
        client(daemon.port).resume("chat")


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_an_answer_that_is_no_http_is_no_daemon(client: Any, said: bytes) -> None:
    with (
        listening(said) as daemon,
        pytest.raises(DaemonSilent, match=r"\(the connection broke off\)"),
    ):
        client(daemon.port).resume("chat")


def test_where_nobody_listens_it_is_said_how_to_start(client: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DaemonSilent, match=r"\(Connection refused\); start it with"):
        client(port).resume("chat")


def test_a_daemon_that_says_nothing_is_not_waited_for_for_ever(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STREAM_SECONDS", 0.05)
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        pytest.raises(DaemonSilent, match="said nothing for 0 s; look into the daemon's log"),
    ):
        list(client(mute.getsockname()[1]).events([]))


def test_a_body_that_is_refused_before_it_was_read_still_gets_its_answer(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise BrokenPipeError

    with listening(problem("413 Content Too Large", "The body is larger"), reads=False) as daemon:
        original = module.http.client.HTTPConnection.request

        def request(self: Any, *arguments: Any, **options: Any) -> None:
            original(self, *arguments, **options)
            gone()

        monkeypatch.setattr(module.http.client.HTTPConnection, "request", request)
        with pytest.raises(DaemonRefused, match="The body is larger"):
            client(daemon.port).trigger("card", b"x", {})


def test_a_stream_is_its_messages_in_order(client: Any) -> None:
    told = (
        b"id: evt_1\nretry: 2000\n\n",
        b":\n\n",
        b"id: evt_2\nevent: binding.updated\nda",
        b'ta: {"n":1}\n\n:\n\nevent: reset\r\ndata: a\r\ndata: \xc3\xbc\xff\r\n\r\n',
    )
    with listening(stream(*told)) as daemon:
        found = list(client(daemon.port).events([("last", "3"), ("binding", "a b")]))

    assert daemon.asked[0].startswith(b"GET /events?last=3&binding=a+b ")
    assert found == [
        Message(id="evt_1"),
        Message(id="evt_2", name="binding.updated", body='{"n":1}'),
        Message(name="reset", body="a\n\u00fc\ufffd"),
    ]


def test_a_stream_that_breaks_off_is_told_from_one_that_ends(client: Any) -> None:
    found = []
    with listening(stream(b"id: evt_1\n\n", whole=False)) as daemon:
        messages = client(daemon.port).events([])
        with pytest.raises(DaemonSilent, match="broke off"):
            found.extend(messages)

    assert found == [Message(id="evt_1")]


@pytest.mark.parametrize("said", [answer({"a": 1}), stream(b"data: " + b"x" * 200)])
def test_a_stream_that_is_none_or_has_no_end_of_line_is_no_repaintds(
    client: Any, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    with (
        listening(said) as daemon,
        pytest.raises(DaemonRefused, match="is no repaintd"),
    ):
        list(client(daemon.port).events([]))


def test_a_stream_that_the_daemon_refuses_says_why(client: Any) -> None:
    with (
        listening(problem("503 Service Unavailable", "Too many clients")) as daemon,
        pytest.raises(DaemonRefused, match="Too many clients") as refused,
    ):
        list(client(daemon.port).events([]))

    assert refused.value.status == 503
