from __future__ import annotations

import asyncio
import os
import resource
import signal

import pytest
import structlog
from structlog.testing import capture_logs

from repaintd.runtime.lifecycle import HANDLED, raise_descriptor_limit, stop_on_signals


@pytest.fixture(autouse=True)
def signals():
    """As they were before the test."""
    before = {number: signal.getsignal(number) for number in HANDLED}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", HANDLED)
async def test_the_first_signal_asks_to_stop_and_the_second_kills(number: signal.Signals):
    stop = asyncio.Event()
    with capture_logs() as logs, stop_on_signals(stop, structlog.get_logger()):
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await stop.wait()
        assert {signal.getsignal(each) for each in HANDLED} == {signal.SIG_DFL}
    assert logs[0]["signal"] == number.name


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
