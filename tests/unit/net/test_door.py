from __future__ import annotations

import asyncio
import gzip
import json
import socket

import pytest

from repaintd.errors import HttpFailed
from repaintd.plugin import HttpRequest


async def test_a_get_brings_status_headers_and_body(serve, door, response):
    server = await serve(response(b'{"a":1}', 'ETag: "1"', "Content-Type: application/json"))
    answer = await door.request(HttpRequest(url=server.url + "x?y=1", headers={"X-Key": "k"}))
    assert (answer.status, answer.body) == (200, b'{"a":1}')
    assert answer.headers["etag"] == answer.headers["ETag"] == '"1"'
    assert answer.url == server.url + "x?y=1"
    head = server.requests[0].decode()
    assert head.startswith("GET /x?y=1 HTTP/1.1\r\n")
    assert "X-Key: k\r\n" in head
    assert "User-Agent: repaintd-test\r\n" in head
    assert "Accept-Encoding: gzip, deflate, br, zstd\r\n" in head
    assert "Cookie" not in head


async def test_a_post_sends_its_body(serve, door, response):
    server = await serve(response(b"{}"))
    headers = {"Content-Type": "application/json", "user-agent": "mine"}
    await door.request(HttpRequest(url=server.url, method="POST", headers=headers, body=b'{"q":1}'))
    request = server.requests[0].decode()
    assert request.startswith("POST / HTTP/1.1\r\n")
    assert request.endswith('\r\n\r\n{"q":1}')
    assert "Content-Type: application/json\r\n" in request
    assert "user-agent: mine\r\n" in request.replace("User-Agent", "user-agent")
    assert "repaintd-test" not in request


async def test_a_304_comes_without_a_body_and_keeps_the_connection(serve, door):
    server = await serve(b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 500\r\n\r\n')
    for _ in range(3):
        answer = await door.request(HttpRequest(url=server.url, headers={"If-None-Match": '"1"'}))
        assert (answer.status, answer.body) == (304, b"")
    assert server.connections == 1


async def test_connections_are_kept_for_the_next_exchange(serve, door, response):
    server = await serve(response(b"{}"))
    for _ in range(5):
        await door.request(HttpRequest(url=server.url))
    assert server.connections == 1


async def test_at_most_per_host_connections_at_a_time(serve, open_with, response):
    running: list[int] = []
    three_run, release = asyncio.Event(), asyncio.Event()

    async def slow(request, writer):
        running.append(server.connections)
        if len(running) == 3:
            three_run.set()
        await release.wait()
        return response(b"{}")

    server = await serve(slow)
    door = await open_with(["127.0.0.1"], per_host=3)
    tasks = [asyncio.create_task(door.request(HttpRequest(url=server.url))) for _ in range(9)]
    await three_run.wait()
    release.set()
    await asyncio.gather(*tasks)
    assert (len(running), server.connections) == (9, 3)


async def test_cookies_are_not_kept(serve, door, response):
    server = await serve(response(b"{}", "Set-Cookie: a=b; Path=/"))
    for _ in range(2):
        await door.request(HttpRequest(url=server.url))
    assert b"cookie" not in server.requests[1].lower()


async def test_environment_proxies_are_not_used(serve, open_with, response, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1/")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    server = await serve(response(b"{}"))
    door = await open_with(["127.0.0.1"])
    assert (await door.request(HttpRequest(url=server.url))).status == 200


async def test_repeated_fields_are_one_list(serve, door, response):
    server = await serve(
        response(b"", "Cache-Control: public", "cache-control: max-age=5", "X-A: 1", "X-A: 2")
    )
    headers = (await door.request(HttpRequest(url=server.url))).headers
    assert headers["Cache-Control"] == "public, max-age=5"
    assert headers["x-a"] == "1, 2"


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oops", "999 What"])
async def test_any_status_is_a_usable_response(serve, door, response, status):
    server = await serve(response(b"why", status=status))
    answer = await door.request(HttpRequest(url=server.url))
    assert (answer.status, answer.body) == (int(status[:3]), b"why")


async def test_an_endless_error_page_still_gives_its_status(serve, door):
    async def endless(request, writer):
        writer.write(b"HTTP/1.1 503 No\r\nRetry-After: 7\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    server = await serve(endless)
    answer = await door.request(HttpRequest(url=server.url))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    assert answer.body == b"x" * 16384


async def test_a_coded_or_broken_error_page_still_gives_its_status(serve, door, response):
    coded = await serve(response(gzip.compress(b"x"), "Content-Encoding: gzip", status="500 No"))
    answer = await door.request(HttpRequest(url=coded.url))
    assert (answer.status, answer.body) == (500, b"")
    broken = await serve(b"HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\nx", close=True)
    answer = await door.request(HttpRequest(url=broken.url))
    assert (answer.status, answer.body) == (500, b"")


async def test_what_is_not_a_header_is_never_sent(serve, door, response):
    server = await serve(response(b"{}"))
    for headers in ({"X-A": "1\r\nX-B: 2"}, {"X-A\r\nX-B": "1"}):
        with pytest.raises(HttpFailed, match="cannot be sent") as caught:
            await door.request(HttpRequest(url=server.url, headers=headers))
        assert caught.value.reason == "protocol"
    assert server.requests == []


async def test_a_refused_connection_is_a_network_failure(door):
    with socket.socket() as closed:  # bound and not listening: nobody else gets the port
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(HttpFailed) as caught:
            await door.request(HttpRequest(url=f"{url}/?token=hunter2"))
    assert caught.value.reason == "network"
    assert str(caught.value) == f"{url}: cannot connect: Connection refused"


async def test_an_unknown_name_is_a_dns_failure(open_with, stub_resolver):
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    door = await open_with([], resolver=stub_resolver(unknown))
    with pytest.raises(HttpFailed) as caught:
        await door.request(HttpRequest(url="http://nowhere.test/?token=hunter2"))
    assert caught.value.reason == "dns"
    assert str(caught.value) == (
        "http://nowhere.test:80: the host name cannot be resolved: Name or service not known"
    )


async def test_no_failure_carries_the_query_or_the_headers_in_its_chain(serve, door):
    server = await serve(b"not http at all\r\n\r\n", close=True)
    with pytest.raises(HttpFailed) as caught:
        await door.request(
            HttpRequest(url=server.url + "?key=hunter2", headers={"X-Key": "hunter2"})
        )
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "hunter2" not in str(caught.value)


async def test_a_cancelled_exchange_gives_its_connection_slot_back(serve, open_with, response):
    arrived = asyncio.Event()
    answer = b""

    async def hold(request, writer):
        arrived.set()
        if not answer:
            await asyncio.Event().wait()
        return answer

    server = await serve(hold)
    door = await open_with(["127.0.0.1"], per_host=1)
    task = asyncio.create_task(door.request(HttpRequest(url=server.url)))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    answer = response(b"{}")
    assert (await door.request(HttpRequest(url=server.url))).status == 200


async def test_two_hundred_exchanges_at_once_do_not_mix(serve, open_with, response):
    def echo(request, writer):
        path = request.split(b" ", 2)[1].decode()
        return response(json.dumps(path).encode())

    server = await serve(echo)
    door = await open_with(["127.0.0.1"], per_host=20)
    urls = [f"{server.url}{n}" for n in range(200)]
    answers = await asyncio.gather(*(door.request(HttpRequest(url=url)) for url in urls))
    assert [json.loads(answer.body) for answer in answers] == [f"/{n}" for n in range(200)]
