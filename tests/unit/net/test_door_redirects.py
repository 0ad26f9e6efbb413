from __future__ import annotations

import asyncio

import pytest

from repaintd.errors import HttpFailed
from repaintd.plugin import HttpRequest

SECRETS = {"X-API-Key": "hunter2", "Authorization": "Bearer hunter2", "Cookie": "s=hunter2"}


def to(location, status="302 Found"):
    return f"HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


async def refused(door, server, **options):
    with pytest.raises(HttpFailed) as caught:
        await door.request(HttpRequest(url=server.url, **options))
    assert "hunter2" not in str(caught.value)
    return caught.value


async def test_a_redirect_is_followed_on_the_same_connection(serve, door, response):
    def answer(request, writer):
        return response(b"{}") if request.startswith(b"GET /new") else to("/new?a=1#part")

    server = await serve(answer)
    got = await door.request(HttpRequest(url=server.url, headers=SECRETS))
    assert (got.status, got.body) == (200, b"{}")
    assert got.url.startswith(server.url + "new?a=1")
    assert b"hunter2" in server.requests[1]
    assert server.requests[1].startswith(b"GET /new?a=1 HTTP")
    assert server.connections == 1


async def test_a_redirect_with_a_body_is_followed(serve, door, response):
    page = response(b"<a href='/new'>moved</a>" * 5000, "Location: /new", status="301 Moved")

    def answer(request, writer):
        return response(b"{}") if b" /new " in request else page

    server = await serve(answer)
    assert (await door.request(HttpRequest(url=server.url))).body == b"{}"


async def test_bad_input_32_a_loop_ends_after_five_hops(serve, door):
    server = await serve(to("/"))
    failed = await refused(door, server)
    assert (failed.reason, len(server.requests)) == ("redirect", 6)
    assert "more than 5 redirects" in str(failed)


async def test_bad_input_32_twenty_hops_are_too_many_but_five_are_not(serve, door, response):
    def chain(request, writer):
        number = int(request.split(b" ")[1].strip(b"/") or b"0")
        return response(b"{}") if number == last else to(f"/{number + 1}")

    server = await serve(chain)
    last = 5
    assert (await door.request(HttpRequest(url=server.url))).body == b"{}"
    last = 20
    assert (await refused(door, server)).reason == "redirect"


async def test_without_hops_a_redirect_is_an_answer_like_others(serve, door):
    server = await serve(to("/new"))
    answer = await door.request(HttpRequest(url=server.url, max_redirects=0))
    assert (answer.status, answer.headers["Location"]) == (302, "/new")
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["302 Found", "300 Choices", "304 Same", "305 Proxy"])
async def test_what_leads_nowhere_is_an_answer_like_others(serve, door, status):
    server = await serve(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
    assert (await door.request(HttpRequest(url=server.url))).status == int(status[:3])


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/",
        "javascript:alert(1)",
        "http://user:hunter2@127.0.0.1/",
        "http://127.0.0.1:0/",
        "http://a b/",
    ],
)
async def test_bad_input_32_a_redirect_to_what_is_no_http_url(serve, door, location):
    server = await serve(to(location))
    failed = await refused(door, server)
    assert (failed.reason, len(server.requests)) == ("redirect", 1)


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
async def test_bad_input_33_another_port_gets_no_secret(serve, door, response, status):
    stranger = await serve(response(b"{}"))
    server = await serve(to(f"{stranger.url}?x=1", status))
    await door.request(HttpRequest(url=server.url + "?key=hunter2", headers=SECRETS))
    assert b"hunter2" in server.requests[0]
    assert b"hunter2" not in stranger.requests[0]
    assert b"referer" not in stranger.requests[0].lower()


async def test_bad_input_33_another_name_of_the_same_host_gets_no_secret(
    serve, open_with, response, stub_resolver
):
    door = await open_with(["one.test", "two.test"], resolver=stub_resolver("127.0.0.1"))

    def answer(request, writer):
        if b"Host: two.test" in request:
            return response(b"{}")
        return to(f"http://two.test:{server.port}/")

    server = await serve(answer)
    await door.request(HttpRequest(url=f"http://one.test:{server.port}/", headers=SECRETS))
    assert [b"hunter2" in request for request in server.requests] == [True, False]


async def test_bad_input_33_secrets_do_not_come_back_after_a_detour(serve, door, response):
    stranger = await serve()

    def answer(request, writer):
        return response(b"{}") if b" /back " in request else to(stranger.url)

    server = await serve(answer)
    stranger.answer = to(f"{server.url}back")
    await door.request(HttpRequest(url=server.url, headers=SECRETS))
    assert [b"hunter2" in request for request in server.requests] == [True, False]


async def test_bad_input_33_a_body_does_not_leave_its_origin(serve, door):
    stranger = await serve()
    server = await serve(to(stranger.url, "307 Temporary"))
    failed = await refused(door, server, method="POST", body=b'{"key": "hunter2"}')
    assert (failed.reason, stranger.connections) == ("redirect", 0)


async def test_bad_input_18_a_304_from_where_no_condition_went_is_an_error(serve, door):
    stranger = await serve(b"HTTP/1.1 304 Not Modified\r\n\r\n")
    server = await serve(to(stranger.url))
    failed = await refused(door, server, headers={"If-None-Match": '"1"'})
    assert failed.reason == "protocol"
    assert b"If-None-Match" not in stranger.requests[0]


async def test_a_304_after_a_redirect_within_the_origin_is_an_answer(serve, door):
    def answer(request, writer):
        if b" /new " in request:
            return b"HTTP/1.1 304 Not Modified\r\n\r\n"
        return to("/new")

    server = await serve(answer)
    headers = {"If-None-Match": '"1"'}
    assert (await door.request(HttpRequest(url=server.url, headers=headers))).status == 304


async def test_all_hops_share_one_time_limit(serve, door):
    async def slowly(request, writer):
        await asyncio.sleep(0.15)
        return to("/")

    server = await serve(slowly)
    failed = await refused(door, server, timeout=0.4)
    assert failed.reason == "timeout"
    assert "within 0.4 s" in str(failed)
    assert len(server.requests) <= 3
