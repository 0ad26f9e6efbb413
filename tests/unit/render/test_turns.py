from __future__ import annotations

import asyncio

import pytest

from repaintd.errors import RenderFailed
from repaintd.render.prepared import prepare
from repaintd.render.turns import Job, Turns
from repaintd.testing import sample_template


def job(markup: str) -> Job:
    return Job(
        prepared=prepare(sample_template(markup=markup)),
        variables=b"{}",
        now=None,
        result=asyncio.get_running_loop().create_future(),
    )


async def test_templates_take_turns_and_each_has_one_job_at_a_time():
    turns = Turns(10)
    first, second, third, other = job("a"), job("a"), job("a"), job("b")
    for one in (first, second, third, other):
        turns.add(one)
    assert await turns.take() is first
    assert await turns.take() is other
    waiting = asyncio.create_task(turns.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    turns.done(other)
    turns.done(first)
    assert await waiting is second
    turns.done(second)
    assert await turns.take() is third


async def test_a_full_place_refuses_and_says_why():
    turns = Turns(1)
    turns.add(job("a"))
    with pytest.raises(RenderFailed, match="1 expansions wait already") as caught:
        turns.add(job("b"))
    assert caught.value.reason == "template_busy"
    turns.done(await turns.take())
    turns.add(job("b"))


async def test_closing_fails_those_who_wait_and_those_who_come():
    turns = Turns(10)
    waiting, gone = job("a"), job("a")
    gone.result.cancel()
    turns.add(waiting)
    turns.add(gone)
    turns.close()
    with pytest.raises(RenderFailed, match="shutting down"):
        await waiting.result
    with pytest.raises(RenderFailed, match="shutting down"):
        turns.add(job("b"))


async def test_nobody_is_told_who_has_gone():
    gone = job("a")
    gone.result.cancel()
    gone.succeed("x")
    gone.fail(ValueError())
    assert gone.result.cancelled()
