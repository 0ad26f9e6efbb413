from __future__ import annotations

import asyncio
import resource
import socket
from dataclasses import replace

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from repaintd.errors import StartupFailed
from repaintd.web import Limits, connection, open_listener


async def test_port_0_is_any_free_port_and_the_real_one_is_told(house):
    async with house.client() as client, client.get("/") as response:
        assert response.status == 200

    assert house.listener.port > 0
    assert house.listener.host == "127.0.0.1"


async def test_a_port_that_is_taken_fails_the_start_and_says_what_to_do(house):
    async with house.open():
        with pytest.raises(StartupFailed, match=r"another program listens there.*server\.listen"):
            async with open_listener(web.Application(), "127.0.0.1", house.port):
                pass


@pytest.mark.parametrize(
    ("host", "port"),
    [("192.0.2.1", 0), ("no such name.invalid", 0), ("127.0.0.1", 70_000)],
    ids=["not our address", "no name", "no port"],
)
async def test_an_address_that_is_none_fails_the_start_and_says_what_to_do(host, port):
    with pytest.raises(StartupFailed, match=r"cannot listen on .*change server\.listen"):
        async with open_listener(web.Application(), host, port):
            pass


async def test_a_failed_start_runs_the_clean_up_of_the_application():
    cleaned = []

    async def clean(_app):
        cleaned.append(True)

    app = web.Application()
    app.on_cleanup.append(clean)
    with pytest.raises(StartupFailed):
        async with open_listener(app, "192.0.2.1", 0):
            pass

    assert cleaned == [True]


async def test_a_socket_that_listens_already_is_used(house):
    with socket.create_server(("127.0.0.1", 0)) as sock:
        async with house.open(sock=sock):
            assert house.port == sock.getsockname()[1]
            answer = await house.say(b"GET /livez HTTP/1.0\r\n\r\n")

    assert b"200 OK" in answer


async def test_a_unix_socket_will_do(house, tmp_path):
    path = str(tmp_path / "web.sock")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        async with house.open(sock=sock):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"GET /livez HTTP/1.0\r\n\r\n")
            assert b"200 OK" in await reader.read()
            writer.close()

    assert (house.listener.host, house.listener.port) == (path, 0)


def slowly(started, go):
    async def handler(_request):
        started.set()
        await go.wait()
        return web.Response(text="done")

    return lambda app: app.router.add_get("/slow", handler)


async def test_on_closing_a_request_in_progress_may_end(house):
    started, go = asyncio.Event(), asyncio.Event()
    async with house.open(slowly(started, go), grace=30):
        answer = asyncio.create_task(house.say(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"))
        await started.wait()
        asyncio.get_running_loop().call_later(0.05, go.set)

    assert b"200 OK" in await answer


async def test_on_closing_a_request_that_does_not_end_is_cut(house):
    started = asyncio.Event()
    async with asyncio.timeout(10), house.open(slowly(started, asyncio.Event()), grace=0.05):
        answer = asyncio.create_task(house.say(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"))
        await started.wait()

    assert b"done" not in await answer


async def test_on_closing_idle_connections_are_closed_at_once(house):
    async with asyncio.timeout(10):
        async with house.open(grace=60):
            reader, writer = await house.connect()
            writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
        await reader.read()
        writer.close()


async def test_on_closing_a_reader_that_takes_nothing_is_cut(house):
    house.add("card")
    house.images.put("card.png", body=bytes(32 * 1024 * 1024))
    async with asyncio.timeout(10):
        async with house.open(grace=0.05):
            reader, writer = await house.connect()
            writer.write(b"GET /b/card.png HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.pause_reading()
        await asyncio.sleep(0.01)

    assert house.listener.connections == 0
    writer.transport.abort()


async def test_after_closing_nothing_listens_and_nothing_is_left(house):
    before = asyncio.all_tasks()
    async with house.open():
        _, writer = await house.connect()
    writer.close()
    await asyncio.sleep(0.01)

    with pytest.raises(ConnectionRefusedError):
        await house.connect()
    assert asyncio.all_tasks() == before
    assert house.listener.connections == 0


async def test_connections_take_half_of_the_file_descriptors_at_most(house, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (100, 200))
    async with house.open():
        assert house.listener.guard.limits == replace(Limits(), connections=50)


async def test_file_descriptors_without_limit_limit_nothing(house, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (resource.RLIM_INFINITY, 0))
    async with house.open():
        assert house.listener.guard.limits == Limits()


async def test_the_access_log_names_no_query(house):
    house.add("card")
    with capture_logs() as logs:
        async with house.client(access_log=True) as client, client.get("/b/card.png?key=s3cret"):
            pass

    (entry,) = logs
    assert (entry["log_level"], entry["path"], entry["status"]) == ("debug", "/b/card.png", 200)
    assert "s3cret" not in str(entry)


async def test_a_socket_that_takes_no_bounds_is_used_without():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        pass

    with capture_logs() as logs:
        connection._bound(sock, 30.0)

    assert [(entry["log_level"], entry["event"]) for entry in logs] == [
        ("debug", "buffer not bounded")
    ]
