"""Data is pushed while the browser hangs, and data that no image can be made of."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import aiohttp
import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.chromium, pytest.mark.slow]

TRIGGERS, SENDERS = 500, 10
STRICT = "width: 400\nheight: 200\nstrict: true\nvariables: { title: null, n: 1 }\n"
RAISING = "<!doctype html><body>{{ title }} {{ 100 / n }}</body>"
BAD = {
    "strict": ({"n": 1}, "map"),
    "raising": ({"title": "zero", "n": 0}, "render"),
}


async def test_w4_a_frozen_browser_makes_no_sender_wait(home, outside):
    home.bind(outside.pushed("card", title="title"))
    async with home.running(), aiohttp.ClientSession() as session:
        await home.until(lambda: home.events("binding.updated"))
        send = partial(post_number, session, home, outside)
        browser = chromium(home)
        for process in browser:
            process.suspend()
        try:
            numbers = iter(range(TRIGGERS))
            lanes = (lane(send, numbers) for _ in range(SENDERS))
            times = sorted(chain.from_iterable(await asyncio.gather(*lanes)))
            drawn = len(home.events("binding.updated"))
            # the daemon replaces a browser that hangs for long, as it should
            if all(psutil.pid_exists(each.pid) and is_frozen(each) for each in browser):
                assert drawn == 1
        finally:
            for process in browser:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()
        assert len(times) == TRIGGERS
        assert times[int(TRIGGERS * 0.99)] < 1.0
        await send(TRIGGERS)
        await home.until(lambda: taken(home, outside, "card") == TRIGGERS + 1, 40)
        assert state(home, outside, "card")["variables"] == {"title": "a", "n": TRIGGERS}
        _, _, image = await home.get("/b/card.png")
        assert image == (home.output / "card.png").read_bytes()
        # the burst was drawn a few times only, and nothing but its last data is shown
        assert len(home.events("binding.updated")) < TRIGGERS / 10
        await send(TRIGGERS)
        await home.until(lambda: taken(home, outside, "card") == TRIGGERS + 2)
        assert (home.output / "card.png").read_bytes() == image


async def lane(send, numbers: Iterator[int]) -> list[float]:
    """One sender that sends until the numbers are used up."""
    return [await send(number) for number in numbers]


async def post_number(session: aiohttp.ClientSession, home, outside, n: int) -> float:
    """Send a number; seconds until it was accepted."""
    body = json.dumps({"title": "a", "n": n})
    headers = outside.signed(f"msg_{os.urandom(8).hex()}", body)
    began = time.monotonic()
    url = f"http://127.0.0.1:{home.port}/webhooks/card"
    async with session.post(url, data=body, headers=headers) as answer:
        assert answer.status == 202
        return time.monotonic() - began


def is_frozen(process: psutil.Process) -> bool:
    return process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)


def chromium(home) -> list[psutil.Process]:
    children = psutil.Process(home.pid).children(recursive=True)
    found = [each for each in children if "chrom" in each.name() or "headless" in each.name()]
    assert found, [each.name() for each in children]
    return found


async def give(home, outside, uid: str, data: dict[str, Any]) -> None:
    """Send data that is accepted, whatever comes of it."""
    body = json.dumps(data)
    headers = outside.signed(f"msg_{os.urandom(8).hex()}", body)
    status, answer = await home.post(f"/webhooks/{uid}", body, headers)
    assert (status, answer["queued"]) == (202, True)


def state(home, outside, uid: str) -> dict[str, Any]:
    """What is remembered of the binding."""
    states = dict(outside.query(home, "SELECT uid, state FROM states"))
    return json.loads(states.get(uid, "{}"))


def taken(home, outside, uid: str) -> int:
    return state(home, outside, uid).get("triggers_taken", 0)


async def test_valid_data_that_no_image_can_be_made_of_is_told_and_the_good_image_stays(
    home, outside
):
    template(home, "strict", STRICT)
    template(home, "raising", STRICT.replace("strict: true\n", ""), RAISING)
    home.bind(*(outside.pushed(uid, template=uid, title="title") for uid in BAD))
    async with home.running():
        for uid in BAD:
            await give(home, outside, uid, {"title": "good", "n": 5})
        await home.until(lambda: all(shows(home, outside, uid, 5) for uid in BAD))
        good = {uid: await served(home, uid) for uid in BAD}
        assert not home.events("binding.failed")

        for uid, (bad, _) in BAD.items():
            await give(home, outside, uid, bad)
        await home.until(lambda: all(home.events("binding.failed", uid) for uid in BAD))
        for uid, (_, stage) in BAD.items():
            told = failure(home, outside, uid)
            assert told["stage"] == stage
            assert told["error"]
            assert await served(home, uid) == good[uid]

        for uid in BAD:
            await give(home, outside, uid, {"title": "good again", "n": 6})
        await home.until(lambda: all(shows(home, outside, uid, 6) for uid in BAD))
        for uid in BAD:
            etag, image = await served(home, uid)
            assert etag != good[uid][0]
            assert image != good[uid][1]
            assert state(home, outside, uid)["error_count"] == 0


def template(home, name: str, settings: str, html: str | None = None) -> None:
    folder = home.home / "config" / "templates"
    text = html or (folder / "card" / "template.html").read_text()
    (folder / name).mkdir()
    (folder / name / "template.html").write_text(text)
    (folder / name / "template.yaml").write_text(settings)


def shows(home, outside, uid: str, n: int) -> bool:
    found = state(home, outside, uid)
    return not found.get("error_count") and (found.get("variables") or {}).get("n") == n


def failure(home, outside, uid: str) -> dict[str, Any]:
    rows = outside.query(home, "SELECT uid, body FROM events WHERE name = 'binding.failed'")
    return next(json.loads(body)["data"] for each, body in rows if each == uid)


async def served(home, uid: str) -> tuple[str, bytes]:
    status, headers, image = await home.get(f"/b/{uid}.png")
    assert status == 200
    assert image == (home.output / f"{uid}.png").read_bytes()
    return headers["ETag"], image
