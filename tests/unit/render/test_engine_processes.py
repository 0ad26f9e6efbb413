"""The engine's worker processes: started, killed, replaced, and gone in the end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from repaintd.errors import RenderFailed, StartupFailed
from repaintd.render import worker_process
from repaintd.render.engine import open_engine
from repaintd.render.limits import Limits
from repaintd.testing import sample_template

SLOW = "{% for i in range(100000) %}{{ t|replace('b','cccc')|upper|lower|length }}{% endfor %}" * 90
SLOW_DATA = {"t": "b\n" * 999}


OTHERS: set[int] = set()
"""Children of this process that other tests have and share: a browser's driver, a receiver."""


@pytest.fixture(autouse=True)
def _others():
    OTHERS.clear()
    OTHERS.update(child.pid for child in psutil.Process().children())


def workers() -> list[psutil.Process]:
    """The children that this test has made."""
    return [child for child in psutil.Process().children() if child.pid not in OTHERS]


def slow_template():
    return sample_template(markup=SLOW, fingerprint="slow")


async def still_works(engine) -> bool:
    return await engine.expand(sample_template(), {"title": "<ok>"}) == "<h1>&lt;ok&gt;</h1>"


async def test_nothing_of_our_environment_reaches_a_worker(monkeypatch):
    monkeypatch.setenv("REPAINTD_API_KEY", "very-secret")
    async with open_engine(workers=1):
        (worker,) = workers()
        environment = worker.environ()
    assert "very-secret" not in str(environment)
    assert set(environment) <= {
        "LANG", "MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "PYTHONPATH", "RUST_BACKTRACE",
        "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONTZPATH", "LC_CTYPE",
    }  # fmt: skip


async def test_a_slow_template_is_stopped_at_its_deadline_and_leaves_nothing_behind():
    async with open_engine(workers=1, deadline=0.2) as engine:
        (before,) = workers()
        with pytest.raises(RenderFailed, match=r"it takes longer than 0\.2 s") as caught:
            await engine.expand(slow_template(), SLOW_DATA)
        assert caught.value.reason == "template_timeout"
        assert await still_works(engine)
        (after,) = workers()
        assert after.pid != before.pid
    assert workers() == []


async def test_bad_input_65_a_template_that_extends_itself_is_stopped():
    async with open_engine(workers=1, deadline=0.3) as engine:
        markup = "{% extends 'template.html' %}"
        with pytest.raises(RenderFailed) as caught:
            await engine.expand(sample_template(markup=markup, fingerprint=""), {})
        assert caught.value.reason == "template_timeout"
        assert await still_works(engine)


async def test_one_hostile_template_with_many_bindings_does_not_delay_the_others():
    async with open_engine(workers=2, deadline=30) as engine:
        hostile = [
            asyncio.create_task(engine.expand(slow_template(), SLOW_DATA)) for _ in range(20)
        ]
        await asyncio.sleep(0)
        async with asyncio.timeout(20):
            assert await still_works(engine)
        assert not any(task.done() for task in hostile)
        for task in hostile:
            task.cancel()
        await asyncio.gather(*hostile, return_exceptions=True)


async def test_closing_fails_what_still_waits_and_leaves_no_process():
    async with open_engine(workers=1, deadline=30) as engine:
        tasks = [asyncio.create_task(engine.expand(slow_template(), SLOW_DATA)) for _ in range(3)]
        await asyncio.sleep(0.05)
    for task in tasks:
        with pytest.raises(RenderFailed, match="shutting down") as caught:
            await task
        assert caught.value.reason == "template_worker"
    with pytest.raises(RenderFailed, match="shutting down"):
        await engine.expand(sample_template(), {})
    assert workers() == []


async def test_a_worker_killed_while_idle_is_replaced_without_a_failure():
    async with open_engine(workers=2) as engine:
        for worker in workers():
            worker.kill()
        for _ in range(4):
            assert await still_works(engine)
        assert all(worker.status() != psutil.STATUS_ZOMBIE for worker in workers())
    assert workers() == []


async def test_a_job_whose_worker_is_killed_from_outside_is_tried_once_more():
    async with open_engine(workers=1, deadline=30) as engine:
        (worker,) = workers()
        worker.suspend()
        task = asyncio.create_task(engine.expand(sample_template(), {"title": "x"}))
        await asyncio.sleep(0.02)
        worker.kill()
        assert await task == "<h1>x</h1>"


async def test_a_job_whose_worker_is_killed_twice_fails_with_a_clear_reason():
    async with open_engine(workers=1, deadline=30) as engine:
        task = asyncio.create_task(engine.expand(slow_template(), SLOW_DATA))
        while not task.done():
            for worker in workers():
                worker.kill()
            await asyncio.sleep(0.01)
        with pytest.raises(RenderFailed, match="killed from outside") as caught:
            await task
        assert caught.value.reason == "template_worker"
        assert await still_works(engine)


async def test_a_worker_ignores_the_signals_that_are_meant_for_the_daemon():
    async with open_engine(workers=1) as engine:
        (worker,) = workers()
        worker.send_signal(signal.SIGTERM)
        worker.send_signal(signal.SIGINT)
        assert await still_works(engine)
        assert [one.pid for one in workers()] == [worker.pid]


async def test_a_worker_s_own_alarm_ends_it_when_the_daemon_does_not():
    limits = Limits(deadline=0.01)
    process = await asyncio.create_subprocess_exec(
        *worker_process.worker_command(limits),
        env=worker_process.worker_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    request = b'{"key":"k","sources":{"template.html":"%s"},"variables":{"t":"%s"}}' % (
        SLOW.encode(),
        b"b" * 999,
    )
    process.stdin.write(len(request).to_bytes(4, "big") + request)
    async with asyncio.timeout(20):
        assert await process.wait() == -signal.SIGALRM
    process.stdin.close()


PARENT = """
import asyncio, psutil
from repaintd.render.engine import open_engine
async def main():
    async with open_engine(workers=2):
        print(*[child.pid for child in psutil.Process().children()], flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


def test_workers_end_when_the_daemon_is_killed():
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:  # noqa: S603 - our own
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        os.kill(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while any(psutil.pid_exists(pid) and is_running(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # whose parent is now init
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["/nonexistent/python"], "do not start: it cannot be started: "),
        ([sys.executable, "-c", "raise SystemExit(3)"], "do not start: it ended while starting"),
        (
            [sys.executable, "-c", "import os; os.write(1, bytes([0, 0, 0, 1, 65])); input()"],
            "do not start: it did not say that it is ready",
        ),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "it was not ready within 0.5 s"),
        (
            [sys.executable, "-c", "import os; os.write(1, bytes([255] * 4)); input()"],
            "do not start: it ended while starting",
        ),
    ],
)
async def test_workers_that_do_not_start_stop_the_start_up_with_a_reason(
    monkeypatch, command, message
):
    monkeypatch.setattr(worker_process, "START_DEADLINE", 0.5 if "sleep" in str(command) else 20)
    monkeypatch.setattr(worker_process, "worker_command", lambda limits: command)
    with pytest.raises(StartupFailed, match=message):
        async with open_engine():
            pass
    assert workers() == []


async def test_a_worker_that_cannot_be_replaced_fails_the_job_and_is_tried_again(monkeypatch):
    async with open_engine(workers=1) as engine:
        good = worker_process.worker_command
        monkeypatch.setattr(worker_process, "worker_command", lambda limits: ["/nonexistent"])
        for worker in workers():
            worker.kill()
        for _ in range(2):
            with pytest.raises(RenderFailed, match="a template worker does not start") as caught:
                await engine.expand(sample_template(), {"title": "x"})
            assert caught.value.reason == "template_worker"
        monkeypatch.setattr(worker_process, "worker_command", good)
        assert await still_works(engine)


async def test_a_worker_that_exits_by_itself_fails_the_job_with_its_code(monkeypatch):
    program = "import os; os.write(1, bytes([0, 0, 0, 1, 82])); os.read(0, 4); raise SystemExit(7)"
    command = [sys.executable, "-c", program]
    monkeypatch.setattr(worker_process, "worker_command", lambda limits: command)
    async with open_engine(workers=1) as engine:
        with pytest.raises(RenderFailed, match="a template worker ended with exit code 7"):
            await engine.expand(sample_template(), {"title": "x"})


async def test_a_bug_in_between_reaches_whoever_waits_and_the_engine_goes_on(monkeypatch):
    async with open_engine(workers=1) as engine:
        with monkeypatch.context() as patch:
            patch.setattr("repaintd.render.engine.ended", lambda *_: None)
            patch.setattr("repaintd.render.engine._ask", None)
            with pytest.raises(TypeError):
                await engine.expand(sample_template(), {"title": "x"})
        assert await still_works(engine)
