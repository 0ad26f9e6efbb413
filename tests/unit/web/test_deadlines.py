"""What strangers may cost: reliability T1 and the deadlines that aiohttp does not have."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from aiohttp import web
from structlog.testing import capture_logs

from repaintd.web import Limits

SHORT = 0.2
LONG = 3600.0
PATIENT = {"head": LONG, "body": LONG, "keep_alive": LONG, "send": LONG}
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


def the_one(house):
    """The only connection that the house has."""
    (connection,) = house.listener.guard._open
    return connection


async def until_closed(reader):
    """All that comes until the other side closes or cuts."""
    received = b""
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionResetError):
            while data := await reader.read(65536):
                received += data
    return received


async def test_a_silent_connection_is_closed(house):
    async with house.open(limits=Limits(**PATIENT | {"head": SHORT})):
        reader, writer = await house.connect()

        assert await until_closed(reader) == b""
        writer.close()


async def test_half_a_head_is_answered_408_and_closed(house):
    async with house.open(limits=Limits(**PATIENT | {"head": SHORT})):
        answer = await house.say(b"GET /livez HTTP/1.1\r\nHost:")

    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"application/problem+json" in answer


async def test_a_head_that_comes_byte_by_byte_gains_no_time(house):
    async with house.open(limits=Limits(**PATIENT | {"head": SHORT})):
        reader, writer = await house.connect()

        async def drip():
            with contextlib.suppress(ConnectionError):
                for byte in b"GET /livez HTTP/1.1\r\nX: " + b"x" * 100_000:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        answer = await until_closed(reader)
        dripping.cancel()
        writer.close()

    assert b" 408 " in answer


async def test_the_head_of_a_later_request_has_its_own_deadline(house):
    async with house.open(limits=Limits(**PATIENT | {"head": 100.0})):
        reader, writer = await house.connect()
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        connection, soon = the_one(house), house.listener.guard.now + 101

        assert not connection.overdue(soon)  # idle for longer than a head may take

        writer.write(GET[:20])
        async with asyncio.timeout(10):
            while not connection.overdue(soon):
                await asyncio.sleep(0.01)
        connection.dismiss()

        assert b" 408 " in await until_closed(reader)
        writer.close()


async def test_an_idle_connection_is_closed_without_a_word(house):
    async with house.open(limits=Limits(**PATIENT | {"keep_alive": SHORT})):
        answer = await house.say(GET)

    assert answer.count(b"HTTP/1.1") == 1
    assert b" 200 " in answer


async def test_requests_that_follow_each_other_are_all_answered(house):
    async with house.open():
        reader, writer = await house.connect()
        writer.write(GET * 40)  # pipelined, more than are queued at once
        answers = b""
        async with asyncio.timeout(10):
            while answers.count(b"HTTP/1.1 200") < 40:
                answers += await reader.read(65536)
        writer.close()


def reading(add):
    async def swallow(request):
        return web.Response(text=str(len(await request.read())))

    async def ignore(_request):
        return web.Response(text="ignored")

    add.router.add_post("/read", swallow)
    add.router.add_post("/ignore", ignore)


HALF = b" HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf"


async def test_half_a_body_is_closed(house):
    async with house.open(reading, limits=Limits(**PATIENT | {"body": SHORT})):
        answer = await house.say(b"POST /read" + HALF)

    assert answer == b""


async def test_a_body_in_time_is_read_and_its_request_may_then_take_longer(house):
    arrived, read, go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def patient(request):
        arrived.set()
        await request.read()
        read.set()
        await go.wait()
        return web.Response(text="done")

    limits = Limits(**PATIENT | {"body": 100.0})
    async with (
        asyncio.timeout(10),
        house.open(lambda app: app.router.add_post("/read", patient), limits=limits),
    ):
        reader, writer = await house.connect()
        writer.write(b"POST /read" + HALF)
        await arrived.wait()
        connection, soon = the_one(house), house.listener.guard.now + 101

        assert connection.overdue(soon)

        writer.write(b"-other")
        await read.wait()

        assert not connection.overdue(soon)

        go.set()
        assert b" 200 " in await reader.readuntil(b"done")
        writer.close()


async def test_the_rest_of_a_body_that_nobody_reads_is_not_taken_for_a_head(house):
    async with (
        asyncio.timeout(10),
        house.open(reading, limits=Limits(**PATIENT | {"head": 100.0})),
    ):
        reader, writer = await house.connect()
        writer.write(b"POST /ignore" + HALF)
        await reader.readuntil(b"ignored")
        connection, soon = the_one(house), house.listener.guard.now + 101
        writer.write(b"-other")
        while not connection._body.is_eof():
            await asyncio.sleep(0.01)

        assert not connection.overdue(soon)

        writer.write(GET)
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        writer.close()


async def test_a_reader_that_takes_nothing_is_cut(house):
    house.add("card")
    house.images.put("card.png", body=bytes(32 * 1024 * 1024))
    async with house.open(limits=Limits(**PATIENT | {"send": SHORT})):
        reader, writer = await house.connect()
        writer.write(b"GET /b/card.png HTTP/1.1\r\nHost: x\r\n\r\n")
        writer.transport.pause_reading()
        async with asyncio.timeout(10):
            await gone(house)
        writer.close()
        reader.feed_eof()


async def gone(house, left=0):
    """Until the house has no more than *left* connections, seen once a sweep."""
    while house.listener.connections > left:
        await asyncio.sleep(0.01)


async def test_a_slow_reader_that_takes_something_is_served(house):
    body = bytes(4 * 1024 * 1024)
    house.add("card")
    house.images.put("card.png", body=body)
    async with house.open(limits=Limits(**PATIENT | {"send": 1.0})):
        reader, writer = await house.connect()
        writer.write(b"GET /b/card.png HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        received = 0
        async with asyncio.timeout(30):
            while received < len(body):
                received += len(await reader.read(256 * 1024))
                await asyncio.sleep(0.05)
        writer.close()

    assert received == len(body)


async def test_a_head_without_end_is_a_431(house):
    async with house.open(limits=Limits(head_bytes=1000, headers=100_000)):
        reader, writer = await house.connect()
        writer.write(b"GET / HTTP/1.1\r\n")

        async def pour():
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b"X: y\r\n" * 20)
                    await writer.drain()
                    await asyncio.sleep(0.01)

        pouring = asyncio.create_task(pour())
        answer = await until_closed(reader)
        pouring.cancel()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_when_all_places_are_taken_an_idle_connection_makes_room(house):
    async with house.open(limits=Limits(**PATIENT | {"connections": 3})):
        silent = [await house.connect() for _ in range(3)]
        await asyncio.sleep(0.01)

        answer = await house.say(b"GET /livez HTTP/1.0\r\n\r\n")

        assert b"200 OK" in answer
        assert await until_closed(silent[0][0]) == b""
        for _, writer in silent:
            writer.close()


async def test_when_all_places_are_busy_the_next_is_told_to_come_back(house):
    started, go = asyncio.Event(), asyncio.Event()

    async def slow(_request):
        started.set()
        await go.wait()
        return web.Response(text="done")

    limits = Limits(**PATIENT | {"connections": 1})
    async with house.open(lambda app: app.router.add_get("/slow", slow), limits=limits):
        busy = asyncio.create_task(house.say(b"GET /slow HTTP/1.0\r\n\r\n"))
        await started.wait()
        refused = await house.say(b"")
        go.set()

        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 1\r\n" in refused
        assert b"done" in await busy
        assert b"200 OK" in await house.say(b"GET /livez HTTP/1.0\r\n\r\n")


async def test_an_address_has_a_share_of_the_places(house, monkeypatch):
    monkeypatch.setattr("repaintd.web.guard.counted_address", lambda _peer: "203.0.113.7")
    async with house.open(limits=Limits(**PATIENT | {"per_address": 2})):
        two = [await house.connect() for _ in range(2)]
        refused = await house.say(b"")
        two.pop()[1].close()
        async with asyncio.timeout(10):
            await gone(house, left=1)
        answer = await house.say(b"GET /livez HTTP/1.0\r\n\r\n")
        two.pop()[1].close()

    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"200 OK" in answer


async def test_500_slow_connections_harm_nobody_and_are_gone_in_time(house):
    house.add("card")
    async with house.client(limits=Limits(head=1.5)) as client:
        sockets = []
        for number in range(500):
            sock = socket.create_connection(("127.0.0.1", house.port))
            sock.sendall(b"GET /b/card.png HTTP/1.1\r\nX: "[: number % 30])
            sockets.append(sock)
            if number % 50 == 0:
                await asyncio.sleep(0)
        for _ in range(100):
            async with client.get("/b/card.png") as response:
                assert response.status == 200
        async with asyncio.timeout(20):
            await gone(house, left=1)
        for sock in sockets:
            sock.close()


class Faulty:
    def __init__(self):
        self.aborted = asyncio.Event()

    def overdue(self, _now):
        raise ValueError("bug")

    def abort(self):
        self.aborted.set()


async def test_a_connection_that_cannot_be_inspected_is_cut_and_harms_no_other(house):
    with capture_logs() as logs:
        async with house.open(limits=Limits(**PATIENT | {"head": SHORT})):
            faulty = Faulty()
            house.listener.guard._open[faulty] = ""
            reader, writer = await house.connect()

            assert await until_closed(reader) == b""
            assert faulty.aborted.is_set()
            house.listener.guard._open.clear()
            writer.close()

    assert logs[0]["event"] == "connection could not be inspected and is cut"
