from __future__ import annotations

import asyncio
import os
import resource
import signal

import pytest
import structlog
from structlog.testing import capture_logs

from repaintd.runtime.lifecycle import (
    RELOADING,
    STOPPING,
    call_on_hangup,
    raise_descriptor_limit,
    stop_on_signals,
)


@pytest.fixture(autouse=True)
def signals():
    """As they were before the test."""
    before = {number: signal.getsignal(number) for number in (*STOPPING, RELOADING)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", STOPPING)
async def test_the_first_signal_asks_to_stop_and_the_second_kills(number: signal.Signals):
    stop = asyncio.Event()
    with capture_logs() as logs, stop_on_signals(stop, structlog.get_logger()):
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await stop.wait()
        assert {signal.getsignal(each) for each in STOPPING} == {signal.SIG_DFL}
    assert logs[0]["signal"] == number.name


async def test_a_hangup_stops_nothing_and_asks_for_a_reload_each_time():
    stop, asked = asyncio.Event(), []
    with stop_on_signals(stop, structlog.get_logger()), call_on_hangup(lambda: asked.append(1)):
        for times in (1, 2):
            os.kill(os.getpid(), signal.SIGHUP)
            async with asyncio.timeout(5):
                while len(asked) < times:
                    await asyncio.sleep(0)
    assert not stop.is_set()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


async def test_a_hangup_while_the_daemon_stops_kills_nobody():
    stop, asked = asyncio.Event(), asyncio.Event()
    with stop_on_signals(stop, structlog.get_logger()), call_on_hangup(asked.set):
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(5):
            await stop.wait()
            os.kill(os.getpid(), signal.SIGHUP)
            await asked.wait()


async def test_handlers_are_gone_afterwards():
    with stop_on_signals(asyncio.Event(), structlog.get_logger()):
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_as_many_files_may_be_open_as_the_system_allows():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        assert raise_descriptor_limit() == before[1]
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
