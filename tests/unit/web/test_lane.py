from __future__ import annotations

import pytest

from repaintd.web.lane import plain_image, plain_webhook

CASES = {
    "an image": ("GET", "/b/card.png", "card.png"),
    "its headers": ("HEAD", "/b/card.png", "card.png"),
    "with a query": ("GET", "/b/card.png?a=/b", "card.png"),
    "a broken name is still a name": ("GET", "/b/", ""),
    "another method": ("POST", "/b/card.png", None),
    "something deeper": ("GET", "/b/card.png/url", None),
    "percent-encoded": ("GET", "/b/c%61rd.png", None),
    "another path": ("GET", "/bindings/card.png", None),
    "an absolute target": ("GET", "http://x/b/card.png", None),
}


@pytest.mark.parametrize(("method", "path", "expected"), CASES.values(), ids=CASES)
def test_plain_image(method, path, expected):
    assert expected == plain_image(method, path)


TRIGGERS = {
    "a trigger": ("POST", "/webhooks/card", "card"),
    "with a query": ("POST", "/webhooks/card.v-1?a=/b%20", "card.v-1"),
    "another method": ("GET", "/webhooks/card", None),
    "something deeper": ("POST", "/webhooks/card/x", None),
    "nothing": ("POST", "/webhooks/", None),
    "no uid": ("POST", "/webhooks/..", None),
    "percent-encoded": ("POST", "/webhooks/c%61rd", None),
    "a line feed": ("POST", "/webhooks/card\n", None),
    "the other version": ("POST", "/v1/webhooks/card", None),
    "an absolute target": ("POST", "http://x/webhooks/card", None),
}


@pytest.mark.parametrize(("method", "path", "expected"), TRIGGERS.values(), ids=TRIGGERS)
def test_plain_webhook(method, path, expected):
    assert expected == plain_webhook(method, path)


@pytest.mark.parametrize("name", ["card.png", "card.gif", "nobody.png", "boom.png"])
async def test_the_short_way_and_the_long_way_answer_alike(house, client, name):
    house.add("card")
    house.add("boom", image=False)
    encoded = f"%{ord(name[0]):x}{name[1:]}"

    async with client.get(f"/b/{name}") as short:
        short_body = await short.read()
    long_answer = await house.say(
        f"GET /b/{encoded} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )

    head, _, body = long_answer.partition(b"\r\n\r\n")
    assert f" {short.status} ".encode() in head.splitlines()[0]
    assert len(short_body) == len(body)
    for header in ("Content-Type", "Cache-Control", "ETag", "Retry-After"):
        value = short.headers.get(header)
        assert value is None or f"\r\n{header}: {value}\r\n".lower().encode() in head.lower()
