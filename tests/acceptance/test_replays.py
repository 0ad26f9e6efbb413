"""What is sent again counts once, through any restart; a paused binding keeps what it is sent."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

pytestmark = [pytest.mark.chromium, pytest.mark.slow, pytest.mark.xdist_group("kill-daemon")]

TIMES = 50


async def test_w2_a_request_sent_a_hundred_times_across_a_kill_causes_one_run(home, outside):
    body = json.dumps({"n": 7})
    headers = outside.signed("msg_once", body)
    home.bind(outside.pushed("live"), outside.pushed("quiet", extra="paused: true"))

    async def send(uid: str) -> tuple[int, dict[str, Any]]:
        return await home.post(f"/webhooks/{uid}", body, headers)

    async with home.running():
        await home.until(lambda: home.events("binding.updated", "live"))  # from the defaults
        answers = await asyncio.gather(*(send("live") for _ in range(TIMES)))
        (first,) = (answer for status, answer in answers if status == 202)
        assert first["queued"] is True
        repeated = {**first, "queued": False, "duplicate": True}
        assert [answer for status, answer in answers if status == 200] == [repeated] * (TIMES - 1)
        await home.until(lambda: len(home.events("binding.updated", "live")) == 2)

        status, kept = await send("quiet")
        assert (status, kept["queued"]) == (202, False)
        await home.kill()

    home.bind(outside.pushed("live"), outside.pushed("quiet"))
    async with home.running():
        for _ in range(TIMES):
            assert await send("live") == (200, repeated)
        status, answer = await send("quiet")
        assert (status, answer["duplicate"], answer["refreshId"]) == (200, True, kept["refreshId"])
        await home.until(lambda: home.events("binding.updated", "quiet"))
        await home.until(lambda: variables(home, outside)["quiet"] == {"title": 7, "n": 7})
        # another trigger, and the first one's repetitions have had every chance
        assert (await home.post("/webhooks/live", body, outside.signed("msg_two", body)))[0] == 202
        await home.until(lambda: taken(home, outside) == 2)
        metrics = await home.metrics()
        assert metrics['repaintd_triggers_total{binding="live",result="duplicate"}'] == TIMES
    rows = outside.query(home, "SELECT body FROM events WHERE uid = 'live'")
    causes = [json.loads(row[0])["data"]["trigger"] for row in rows]
    assert len(causes) == 2, "a repetition drew anew"
    assert causes[1] == "webhook"


def variables(home, outside) -> dict[str, Any]:
    rows = outside.query(home, "SELECT uid, state FROM states")
    return {uid: json.loads(state)["variables"] for uid, state in rows}


def taken(home, outside) -> int:
    ((state,),) = outside.query(home, "SELECT state FROM states WHERE uid = 'live'")
    return json.loads(state)["triggers_taken"]
