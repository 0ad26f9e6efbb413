"""The stream of events: E4 of the reliability promises, and its bad inputs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass

import orjson
import pytest
from structlog.testing import capture_logs

from repaintd.errors import StoreUnavailable
from repaintd.metrics.exposition import negotiate
from repaintd.web import Limits, event_stream
from repaintd.web.connection import _forget_unsent

PROBLEM = "application/problem+json"
KEY = {"Authorization": "Bearer k3y-of-the-house"}
ASK = b"GET /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k3y-of-the-house\r\n\r\n"
LONG = 3600.0
VARIANT = negotiate("", "")


@dataclass
class Message:
    id: str = ""
    name: str = ""
    data: str = ""
    retry: str = ""

    @property
    def json(self):
        return orjson.loads(self.data)


class Reader:
    """Reads messages; comments are messages with nothing in them."""

    def __init__(self, response):
        self.response = response

    async def next(self):
        fields = {"id": "", "event": "", "data": "", "retry": ""}
        async with asyncio.timeout(10):
            while line := (await self.response.content.readline()).decode().rstrip("\n"):
                name, _, value = line.partition(": ")
                if name:
                    fields[name] = value
        return Message(fields["id"], fields["event"], fields["data"], fields["retry"])

    async def ids(self, count):
        return [(await self.next()).id for _ in range(count)]

    async def rest(self):
        async with asyncio.timeout(10):
            return await self.response.read()


@contextlib.asynccontextmanager
async def listening(client, query="", **headers):
    async with client.get(f"/events{query}", headers=KEY | headers) as response:
        assert response.status == 200
        reader = Reader(response)
        assert (await reader.next()).retry == "2000"
        yield reader


@pytest.mark.parametrize("path", ["/events", "/v1/events"])
async def test_a_client_is_told_what_happens_from_now_on(house, client, path):
    await house.events.add()
    async with client.get(path, headers=KEY) as response:
        reader = Reader(response)
        await reader.next()
        await house.events.add(name="binding.failed", body=b'{"event":"binding.failed"}')
        found = await reader.next()

    assert found == Message("evt_2", "binding.failed", '{"event":"binding.failed"}')
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"


@pytest.mark.parametrize("by_header", [True, False])
async def test_who_comes_back_misses_nothing(house, client, by_header):
    for _ in range(120):
        await house.events.add()
    headers = {"Last-Event-ID": "evt_3"} if by_header else {}
    query = "?since=evt_99" if by_header else "?since=evt_3"

    async with listening(client, query, **headers) as reader:
        found = await reader.ids(117)
        await house.events.add()
        found += await reader.ids(1)

    assert found == [f"evt_{n}" for n in range(4, 122)]


async def test_who_comes_back_to_the_latest_gets_nothing_twice(house, client):
    await house.events.add()
    async with listening(client, "?since=evt_1") as reader:
        await house.events.add()
        assert await reader.ids(1) == ["evt_2"]


@pytest.mark.parametrize(
    "known", ["evt_unknown", "evt_1", "' OR 1=1", "x" * 5000, "\u00e9", "../..", "0"]
)
async def test_bad_input_60_an_id_that_is_not_known_is_answered_200_and_a_reset(
    house, client, known
):
    for _ in range(5):
        await house.events.add()
    del house.events.kept[:2]

    async with listening(client, **{"Last-Event-ID": known}) as reader:
        first = await reader.next()
        await house.events.add()
        second = await reader.next()

    assert (first.id, first.name) == ("evt_5", "reset")
    assert first.json["lastEventId"] == known[:200]
    assert "missed" in first.json["reason"]
    assert second.id == "evt_6"


async def test_bad_input_60_an_id_of_any_bytes_is_answered_200_and_a_reset(house, client):
    reader, writer = await house.connect()
    writer.write(ASK[:-2] + b"Last-Event-ID: \xff\xfe\r\n\r\n")
    async with asyncio.timeout(10):
        answer = await reader.readuntil(b"event: reset\n")
        data = await reader.readuntil(b"}\n")
    writer.close()

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert "lastEventId" in orjson.loads(data.removeprefix(b"data: "))


async def test_a_client_can_begin_with_the_latest_events(house, client):
    for _ in range(5):
        await house.events.add()
    del house.events.kept[:2]

    async with listening(client, "?last=2") as reader:
        assert await reader.ids(2) == ["evt_4", "evt_5"]
    async with listening(client, "?last=1000") as reader:
        assert await reader.ids(3) == ["evt_3", "evt_4", "evt_5"]  # more are not kept: no reset


async def test_the_latest_events_are_counted_of_those_that_are_wanted(house, client):
    for number in range(1, 1301):
        await house.events.add(uid="rare" if number % 400 == 0 else "card")

    async def ids(query):
        async with listening(client, f"?follow=false&{query}") as reader:
            lines = (await reader.rest()).decode().splitlines()
            return [line[8:] for line in lines if line.startswith("id: ")]

    assert await ids("last=2&binding=rare") == ["800", "1200"]
    assert await ids("last=3&binding=rare") == ["400", "800", "1200"]
    assert await ids("last=4&binding=rare") == ["400", "800", "1200"]
    assert await ids("last=0&binding=rare") == []
    assert await ids("last=9&binding=nobody") == []
    del house.events.kept[:600]  # not kept any more: no reset
    assert await ids("last=9&binding=rare") == ["800", "1200"]
    house.events.kept.clear()
    assert await ids("last=9&binding=rare") == []


async def test_who_loses_the_stream_before_anything_happened_knows_where_to_go_on(house, client):
    for _ in range(3):
        await house.events.add()

    for query, known in (("", "evt_3"), ("?last=2", "evt_1"), ("?last=3", ""), ("?last=9", "")):
        async with client.get(f"/events{query}", headers=KEY) as response:
            assert (await Reader(response).next()) == Message(id=known, retry="2000")


async def test_a_browser_that_comes_back_repeats_its_url_and_the_header_wins(house, client):
    for _ in range(5):
        await house.events.add()

    query, header = "?last=4&follow=false&binding=card", {"Last-Event-ID": "evt_4"}
    async with listening(client, query, **header) as reader:
        assert (await reader.rest()).count(b"\nevent: ") == 1


async def test_a_client_that_does_not_follow_gets_what_there_is_and_the_end(house, client):
    for _ in range(60):
        await house.events.add()

    async with listening(client, "?last=60&follow=false&event=*") as reader:
        assert (await reader.rest()).count(b"\nevent: ") == 60
    async with listening(client, "?follow=false") as reader:
        assert await reader.rest() == b""


async def test_events_are_filtered_by_binding_and_by_name(house, client):
    for uid, name in (
        ("a", "binding.updated"),
        ("b", "binding.updated"),
        ("a", "binding.failed"),
        ("c", "binding.failed"),
        ("", "webhook.disabled"),
    ):
        await house.events.add(uid=uid, name=name)

    async def ids(query):
        async with listening(client, f"?last=9&follow=false&{query}") as reader:
            lines = (await reader.rest()).decode().splitlines()
            return [line[-1] for line in lines if line.startswith("id: ")]

    assert await ids("binding=a") == ["1", "3"]
    assert await ids("binding=a&binding=c") == ["1", "3", "4"]
    assert await ids("event=binding.failed") == ["3", "4"]
    assert await ids("event=binding.*&binding=b") == ["2"]
    assert await ids("event=binding.updated&event=webhook.*") == ["1", "2", "5"]
    assert await ids("event=*") == ["1", "2", "3", "4", "5"]
    assert await ids("binding=nobody") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("event=binding.exploded", "event"),
        ("event=", "event"),
        ("event=bind*", "event"),
        ("event=.*", "event"),
        ("event=nothing.*&event=binding.failed", "event"),
        ("last=-1", "last"),
        ("last=1001", "last"),
        ("last=", "last"),
        ("last=3&since=evt_1", "last"),
        ("follow=perhaps", "follow"),
    ],
)
async def test_a_stream_that_cannot_be_is_a_400(client, query, field):
    async with client.get(f"/events?{query}", headers=KEY) as response:
        document = await response.json(content_type=PROBLEM)

    assert response.status == 400
    assert document["errors"][0]["field"] == field


async def test_bad_input_48_a_stream_is_got_and_nothing_else(client):
    for method in ("HEAD", "POST"):
        async with client.request(method, "/events", headers=KEY) as response:
            assert response.status == 405


async def test_where_nothing_happens_there_is_a_sign_of_life(house):
    async with house.client(limits=Limits(heartbeat=0.02)) as client, listening(client) as reader:
        assert [await reader.next() for _ in range(3)] == [Message()] * 3
        await house.events.add()
        while not (message := await reader.next()).id:
            pass
        assert message.id == "evt_1"


async def test_where_only_unwanted_things_happen_there_is_a_sign_of_life(house):
    async with (
        house.client(limits=Limits(heartbeat=0.05)) as client,
        listening(client, "?binding=other") as reader,
    ):

        async def bustle():
            while True:
                await house.events.add()
                await asyncio.sleep(0.005)

        bustling = asyncio.create_task(bustle())
        assert [await reader.next() for _ in range(2)] == [Message()] * 2
        bustling.cancel()


async def test_what_fell_out_of_the_history_before_it_could_be_sent_is_said(house, client):
    await house.events.add()
    async with listening(client, "?since=evt_1") as reader:
        await house.events.add()
        assert await reader.ids(1) == ["evt_2"]
        house.events.latest = 7  # 3 to 7 came and went
        await house.events.add()
        lost, found = await reader.next(), await reader.next()

    assert (lost.id, lost.name, lost.json["lastEventId"]) == ("", "reset", "evt_2")
    assert found.id == "evt_8"


async def test_a_history_that_was_emptied_is_said_and_waited_through(house, client):
    await house.events.add()
    async with listening(client, "?since=evt_1") as reader:
        house.events.kept.clear()
        house.events.latest = 7
        async with house.events._news:
            house.events._news.notify_all()
        lost = await reader.next()
        reads = house.events.reads
        await house.events.add()
        found = await reader.next()

    assert (lost.name, found.id) == ("reset", "evt_8")
    assert reads <= 4  # it does not spin


async def test_a_history_that_cannot_be_read_just_now_is_waited_for(house, monkeypatch):
    monkeypatch.setattr(event_stream, "_AGAIN", 0.02)
    async with house.client(limits=Limits(heartbeat=0.01)) as client, listening(client) as reader:
        house.events.fault = StoreUnavailable("locked")
        await house.events.add()
        assert await reader.next() == Message()
        house.events.fault = None
        while not (message := await reader.next()).id:
            pass
        assert message.id == "evt_1"


async def test_a_history_that_cannot_be_read_at_the_start_is_a_503(house, client):
    await house.events.add()
    house.events.fault = StoreUnavailable("locked")

    async with client.get("/events?since=evt_1", headers=KEY) as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "1"


async def test_a_daemon_without_events_says_so(house):
    house.changes["events"] = None
    async with house.client() as client, client.get("/events", headers=KEY) as response:
        assert response.status == 503


async def test_a_bug_in_the_history_ends_the_stream_and_is_logged(house, client):
    with capture_logs() as logs:
        async with listening(client) as reader:
            house.events.fault = TimeoutError("bug")
            await house.events.add()
            with contextlib.suppress(Exception):  # however a client takes it
                await reader.rest()

    assert [entry["event"] for entry in logs] == ["request failed"]


def streams(house):
    """How many streams there are, as the metrics have it."""
    text = house.metrics.exposition([], VARIANT)().decode()
    return tuple(
        int(float(line.split()[-1]))
        for line in text.splitlines()
        if line.startswith(("repaintd_event_streams ", "repaintd_event_streams_dropped_total "))
    )


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_there_are_only_so_many_streams_and_one_that_ends_makes_room(house):
    async with house.client(limits=Limits(streams=2)) as client, listening(client):
        async with listening(client), client.get("/events", headers=KEY) as response:
            assert response.status == 503
            assert response.headers["Retry-After"] == "5"
            assert streams(house) == (2, 0)
        await until(lambda: streams(house) == (1, 0))
        async with listening(client):
            assert streams(house) == (2, 0)


async def test_who_leaves_is_gone_at_once_though_nothing_happens(house):
    async with house.client(limits=Limits(heartbeat=LONG)) as client:
        async with listening(client):
            assert streams(house) == (1, 0)
        await until(lambda: streams(house) == (0, 0))

    assert house.listener.connections == 0


async def test_a_client_of_http_1_0_is_told_too(house, client):
    await house.events.add()
    ask = ASK.replace(b"/events HTTP/1.1", b"/events?last=1&follow=false HTTP/1.0")

    answer = await house.say(ask)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == b'retry: 2000\n\nid: evt_1\nevent: binding.updated\ndata: {"n":1}\n\n'


async def test_on_closing_streams_end_at_once_and_whole(house):
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(house.client(grace=60))
        readers = [await stack.enter_async_context(listening(client)) for _ in range(3)]
        async with asyncio.timeout(5):
            await house.app.shutdown()
            assert [await reader.rest() for reader in readers] == [b""] * 3
        async with client.get("/events", headers=KEY) as response:
            assert response.status == 503


def deaf(house, ask=ASK):
    """A client that asks and never reads."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", house.port))
    sock.sendall(ask)
    sock.setblocking(False)
    return sock


async def test_on_closing_a_client_that_does_not_read_is_not_waited_for(house):
    async with asyncio.timeout(10):
        async with house.open(grace=60):
            sock = deaf(house)
            await until(lambda: streams(house) == (1, 0))
            for _ in range(20):
                await house.events.add(body=b"x" * 100_000)
            await until(lambda: any(c.unsent for c in house.listener.guard._open))
        sock.close()

    assert house.listener.connections == 0


async def test_a_client_that_reads_slowly_is_served(house):
    async with house.open(limits=Limits(send=1.0)):
        reader, writer = await house.connect()
        writer.write(ASK)
        await reader.readuntil(b"retry: 2000\n\n")
        size = 0
        for _ in range(10):
            await house.events.add(body=b"x" * 200_000)
        async with asyncio.timeout(20):
            while size < 2_000_000:
                size += len(await reader.read(64 * 1024))
                await asyncio.sleep(0.05)
        writer.close()
        await until(lambda: streams(house) == (0, 0))


async def test_bad_input_60_200_clients_that_do_not_read_are_dropped_and_harm_nobody(house):
    limits = Limits(send=1.0, head=LONG, body=LONG, keep_alive=LONG)
    async with house.client(limits=limits) as client, listening(client) as reader:
        socks = []
        for _ in range(200):
            socks.append(deaf(house))
            if len(socks) % 20 == 0:
                await asyncio.sleep(0)
        await until(lambda: streams(house)[0] == 201)
        held = []
        for _ in range(50):
            await house.events.add(body=b"x" * 20_000)
            held.append(sum(c.unsent for c in house.listener.guard._open))

        assert await reader.ids(50) == [f"evt_{n}" for n in range(1, 51)]
        await until(lambda: streams(house) == (1, 200))
        assert max(held) <= 201 * 64 * 1024
        await house.events.add()
        assert await reader.ids(1) == ["evt_51"]
        for sock in socks:
            sock.close()


async def test_a_client_that_is_dropped_is_told_so_and_the_system_holds_nothing_for_it(house):
    limits = Limits(send=0.5, head=LONG, body=LONG, keep_alive=LONG)
    async with asyncio.timeout(20), house.open(limits=limits):
        sock = deaf(house)
        await until(lambda: streams(house) == (1, 0))
        for _ in range(20):
            await house.events.add(body=b"x" * 100_000)
        await until(lambda: streams(house) == (0, 1))
        with pytest.raises(ConnectionResetError):
            await read_on(sock)
        sock.close()


async def read_on(sock):
    while await asyncio.get_running_loop().sock_recv(sock, 64 * 1024):
        pass


def test_a_client_that_has_gone_this_instant_needs_no_reset():
    sock = socket.socket()
    sock.close()
    _forget_unsent(sock)


async def test_a_client_that_leaves_before_its_stream_begins_is_no_bug(house):
    asked, go = asyncio.Event(), asyncio.Event()

    async def slowly(_event_id, /):
        asked.set()
        await go.wait()

    house.events.position_of = slowly
    with capture_logs() as logs:
        async with house.open():
            _, writer = await house.connect()
            writer.write(ASK[:-2] + b"Last-Event-ID: evt_1\r\n\r\n")
            await asked.wait()
            writer.transport.abort()
            await until(lambda: house.listener.connections == 0)
            go.set()
            await until(lambda: streams(house) == (0, 0))

    assert logs == []
