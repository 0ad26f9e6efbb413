"""The browser dies or freezes under load: the daemon goes on by itself within ten seconds."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import psutil
import pytest

pytestmark = [pytest.mark.chromium, pytest.mark.slow, pytest.mark.timeout(300)]

BINDINGS = 6
RECOVERY_SECONDS = 10


def find(daemon, kind: str) -> psutil.Process:
    """One process of the daemon's browser: `driver`, `browser` or `renderer`."""
    children = psutil.Process(daemon.pid).children(recursive=True)
    for child in children:
        with_arguments = child.cmdline()
        line = " ".join(with_arguments)
        if kind == "driver" and with_arguments[0].endswith("node"):
            return child
        chromium = "headless" in line or "chrom" in line
        if kind == "renderer" and "--type=renderer" in line:
            return child
        if kind == "browser" and chromium and "--type=" not in line and "node" not in line:
            return child
    pytest.fail(f"no {kind} among {[c.cmdline()[:2] for c in children]}")


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("browser", signal.SIGKILL),
        ("renderer", signal.SIGKILL),
        ("driver", signal.SIGKILL),
        ("browser", signal.SIGSTOP),
        ("renderer", signal.SIGSTOP),
        ("driver", signal.SIGSTOP),
    ],
)
async def test_b1_the_daemon_goes_on_by_itself(home, source, kind, number):
    source.counting = True
    names = [f"card-{n}" for n in range(BINDINGS)]
    home.bind(*(home.http_binding(name, source.url(name), policy="ttl") for name in names))
    async with home.running():
        await home.until(lambda: len(home.events("binding.updated")) > 2 * BINDINGS)
        victim = find(home, kind)
        os.kill(victim.pid, number)
        struck = time.monotonic()
        # what was under way may still land; new images for every binding mean that it goes on
        await asyncio.sleep(0.2)
        count = len(home.events("binding.updated"))
        await home.until(
            lambda: {e["binding"] for e in home.events("binding.updated")[count:]} == {*names},
            RECOVERY_SECONDS,
        )
        assert time.monotonic() - struck < RECOVERY_SECONDS + 1
        status, _, body = await home.get("/readyz")
        assert status == 200, body
        zombies = [
            child
            for child in psutil.Process(home.pid).children(recursive=True)
            if child.status() == psutil.STATUS_ZOMBIE
        ]
        assert zombies == []
