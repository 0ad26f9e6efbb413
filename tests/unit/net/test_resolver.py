from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from repaintd.net.resolver import THREADS, SystemResolver


@pytest.fixture
async def resolver():
    opened = SystemResolver()
    yield opened
    await opened.close()


async def test_localhost_is_looked_up(resolver):
    answer = await resolver.resolve("localhost", 80)
    assert {result["host"] for result in answer} & {"127.0.0.1", "::1"}
    assert all(result["port"] == 80 for result in answer)


async def test_an_unknown_name_is_an_os_error(resolver):
    with pytest.raises(OSError, match=r"."):
        await resolver.resolve("no such name", 80)


async def test_a_zone_stays_with_its_address(resolver, monkeypatch):
    info = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 2))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments: [info])
    (result,) = await resolver.resolve("printer.test", 80)
    assert (result["host"], result["family"]) == ("fe80::1%2", socket.AF_INET6)


async def test_slow_look_ups_leave_the_loops_own_threads_alone(resolver, monkeypatch):
    release = threading.Event()

    def stuck(*arguments):
        release.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    stuck_ones = [
        asyncio.create_task(resolver.resolve(f"{n}.test", 80)) for n in range(THREADS + 4)
    ]
    try:
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 10) == "free"
    finally:
        release.set()
        await asyncio.gather(*stuck_ones)


async def test_closing_does_not_wait_for_a_stuck_look_up(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments: release.wait(30) and [])
    resolver = SystemResolver()
    task = asyncio.create_task(resolver.resolve("stuck.test", 80))
    await asyncio.sleep(0)
    await asyncio.wait_for(resolver.close(), 10)
    assert not task.done()
    release.set()
    assert await task == []
