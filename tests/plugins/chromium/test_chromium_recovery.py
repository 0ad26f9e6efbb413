"""The browser dies, freezes, or does not start: drawing goes on by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from repaintd.plugin import RenderFailed
from repaintd_chromium import launch, supervisor
from repaintd_chromium.lookup import find_browser
from repaintd_chromium.page import WarmPage
from repaintd_chromium.processes import arguments, is_renderer, processes_in, read_process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from repaintd.plugin import Renderer, RenderJob
    from repaintd_chromium.processes import Process

pytestmark = pytest.mark.chromium

CARD = "<!doctype html><body style='background:linear-gradient(#06f, #f06)'><h1>card</h1>"
RECOVERY_SECONDS = 10.0


def members(renderer: Any) -> list[Process]:
    return renderer._supervisor._current.leash.members()


def pick(renderer: Renderer, kind: str) -> Process:
    """The driver, the browser's main process, or one that draws a page."""
    for process in members(renderer):
        words = arguments(process)
        if (
            (kind == "renderer" and is_renderer(process))
            or (kind == "driver" and "run-driver" in words)
            or (kind == "browser" and "--no-startup-window" in words and words[0] != "/bin/sh")
        ):
            return process
    raise AssertionError(f"no {kind} runs")


def lives(process: Process) -> bool:
    now = read_process(process.pid)
    return now is not None and now.alive and now.started == process.started


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.01)


@dataclass(slots=True)
class Load:
    """Draws all the time; keeps when that worked, and why it did not."""

    renderer: Renderer
    job: Callable[..., RenderJob]
    drawn: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def running(self, workers: int = 4) -> AsyncIterator[Load]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._draw(f"t{index}")) for index in range(workers)]
            await self.more(workers)
            yield self
            for task in tasks:
                task.cancel()

    async def more(self, count: int) -> None:
        """Wait until that many more were drawn."""
        enough = len(self.drawn) + count
        async with asyncio.timeout(RECOVERY_SECONDS * 2):
            await until(lambda: len(self.drawn) >= enough)

    async def longest_gap(self, since: float) -> float:
        """Seconds without a picture, once things have calmed down."""
        await self.more(8)
        times = [since, *(at for at in self.drawn if at > since)]
        return max(later - earlier for earlier, later in pairwise(times))

    async def _draw(self, name: str) -> None:
        while True:
            try:
                await self.renderer.render(self.job(CARD, id=name, format="jpeg"))
                self.drawn.append(time.monotonic())
            except RenderFailed as failure:
                self.failed.append(failure.reason)


BLOWS = [
    ("browser", signal.SIGKILL, "crashed"),
    ("renderer", signal.SIGKILL, ""),
    ("driver", signal.SIGKILL, "driver"),
    ("browser", signal.SIGSTOP, "frozen"),
    ("renderer", signal.SIGSTOP, ""),
    ("driver", signal.SIGSTOP, "frozen"),
]


async def gone(process: Process) -> None:
    """Wait until that process has ended, by our blow or by the plugin's."""
    async with asyncio.timeout(RECOVERY_SECONDS):
        await until(lambda: not lives(process))


async def strike(renderer: Renderer, load: Load, kind: str, blow: signal.Signals) -> float:
    """Hit one process under load; returns the longest time without a picture."""
    victim = pick(renderer, kind)
    at = time.monotonic()
    os.kill(victim.pid, blow)
    await gone(victim)
    return await load.longest_gap(at)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "blow", "reason"), BLOWS)
async def test_promise_b1_death_and_frost_under_load_are_a_blip(
    bench: Any, make_job: Callable[..., RenderJob], kind: str, blow: signal.Signals, reason: str
) -> None:
    async with bench.open() as renderer, Load(renderer, make_job).running() as load:
        assert await strike(renderer, load, kind, blow) < RECOVERY_SECONDS
        assert load.failed == []
        if reason:
            assert bench.restarts(reason) == 1
            assert "browser is replaced" in bench.events("info")


@pytest.mark.soak
@pytest.mark.timeout(1200)
async def test_promise_b1_twenty_times_each(bench: Any, make_job: Callable[..., RenderJob]) -> None:
    async with bench.open() as renderer, Load(renderer, make_job).running() as load:
        for kind, blow, _ in BLOWS * 20:
            assert await strike(renderer, load, kind, blow) < RECOVERY_SECONDS
        # blows come so fast here that one render may be hit twice, and then it is given up
        assert set(load.failed) <= {"browser_crashed", "page_crashed"}
        assert len(load.failed) < len(load.drawn) / 100


def fake_browser(path: Path, command: str) -> Path:
    """A program that can be changed while the plugin is open."""
    scratch = path.with_suffix(".new")
    scratch.write_text(command)
    scratch.chmod(0o755)
    return scratch.replace(path)


def real_command() -> str:
    browser = find_browser(os.environ.get("REPAINTD_BROWSER") or "auto")
    return f'#!/bin/sh\nexec {browser} "$@"\n'


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken", ["#!/bin/sh\nsleep 1000\n", "#!/bin/sh\nexit 1\n", "\x7fELF garbage"]
)
async def test_promise_b2_a_browser_that_does_not_start_poisons_nothing(
    bench: Any,
    make_job: Callable[..., RenderJob],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    browser = fake_browser(tmp_path / "browser", real_command())
    async with bench.open(render={"browser": str(browser)}) as renderer:
        monkeypatch.setattr(launch, "START_SECONDS", 0.7)
        fake_browser(browser, broken)
        os.kill(pick(renderer, "browser").pid, signal.SIGKILL)
        with pytest.raises(RenderFailed) as failure:
            await renderer.render(make_job(CARD, timeout=1.5))
        assert failure.value.reason == "browser_unavailable"
        assert bench.restarts("start_failed") >= 1
        assert bench.events("error") == ["no browser serves; trying on"]
        monkeypatch.undo()
        fake_browser(browser, real_command())
        await renderer.render(make_job(CARD, timeout=30))
        assert bench.events("info")[-1] == "a browser serves again"


def test_promise_b2_a_hanging_start_and_the_pause_after_it_stay_under_thirty_seconds() -> None:
    assert launch.START_SECONDS + max(supervisor.PAUSES) + launch.START_SECONDS / 4 < 30


@pytest.mark.slow
async def test_pages_and_browsers_are_recycled_without_a_failed_render(
    bench: Any, make_job: Callable[..., RenderJob]
) -> None:
    async with bench.open(recycle_after=15, recycle_page_after=4) as renderer:
        async with Load(renderer, make_job).running() as load:
            await load.more(60)
            async with asyncio.timeout(60):  # the next browser starts beside the one that serves
                while bench.restarts("recycled") < 2:
                    await load.more(5)
        assert load.failed == []


async def test_a_warm_page_is_used_again_and_the_oldest_is_closed(
    bench: Any, make_job: Callable[..., RenderJob]
) -> None:
    async with bench.open(max_warm_pages=2) as renderer:
        for name in ("a", "b", "a", "c", "a"):
            await renderer.render(make_job(CARD, id=name))
        pages = renderer._supervisor._current.pages
        assert [(page.key.template_id, page.renders) for page in pages._idle] == [
            ("c", 1),
            ("a", 3),
        ]


async def test_a_cancelled_render_leaves_nothing_half_done(
    bench: Any, make_job: Callable[..., RenderJob]
) -> None:
    async with bench.open() as renderer:
        hang = make_job("<script>while (1);</script>", javascript=True, id="hang")
        task = asyncio.create_task(renderer.render(hang))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await renderer.probe()
        assert not renderer._supervisor._current.busy
        async with asyncio.timeout(5):  # the page that hung is closed in the background
            await until(lambda: len([p for p in members(renderer) if is_renderer(p)]) == 1)


async def test_a_template_that_kills_its_page_each_time_fails_after_a_second_try(
    bench: Any, make_job: Callable[..., RenderJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = WarmPage._replace
    tries = 0

    async def die(self: Any, job: Any, fuse: Any) -> None:
        nonlocal tries
        if job.template.id == "poison":
            tries += 1
            self._crashed(None)
        await draw(self, job, fuse)

    monkeypatch.setattr(WarmPage, "_replace", die)
    async with bench.open() as renderer:
        with pytest.raises(RenderFailed, match="poison") as failure:
            await renderer.render(make_job(CARD, id="poison"))
        assert (failure.value.reason, tries) == ("page_crashed", 2)
        await renderer.render(make_job(CARD, id="innocent"))


@pytest.mark.slow
async def test_a_template_that_kills_the_browser_each_time_takes_no_other_render_along(
    bench: Any, make_job: Callable[..., RenderJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = WarmPage._replace

    async def kill_browser(self: Any, job: Any, fuse: Any) -> None:
        if job.template.id == "poison":
            os.kill(pick(renderer, "browser").pid, signal.SIGKILL)
            await asyncio.sleep(60)
        await draw(self, job, fuse)

    monkeypatch.setattr(WarmPage, "_replace", kill_browser)
    async with bench.open() as renderer, Load(renderer, make_job).running() as load:
        with pytest.raises(RenderFailed) as failure:
            await renderer.render(make_job(CARD, id="poison"))
        assert failure.value.reason == "browser_crashed"
        await load.more(8)
        assert load.failed == []


async def test_a_probe_does_not_wait_behind_others(
    bench: Any, make_job: Callable[..., RenderJob]
) -> None:
    hang = make_job("<script>while (1);</script>", javascript=True, id="hang", timeout=60)
    async with bench.open(render={"pages": 1}) as renderer:
        tasks = [asyncio.create_task(renderer.render(hang)) for _ in range(3)]
        await asyncio.sleep(0.3)
        assert bench.registry.get_sample_value("repaintd_render_queue_depth") == 2
        await asyncio.wait_for(renderer.probe(), 10)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_nothing_is_left_after_close(bench: Any, make_job: Callable[..., RenderJob]) -> None:
    async with bench.open() as renderer:
        await renderer.render(make_job(CARD))
        group = {process.group for process in members(renderer)}
        directory = bench.directory / "generation-1"
        assert directory.is_dir()
    assert not [process for process in processes_in(group) if process.alive]
    assert not directory.exists()
    assert {task.get_name() for task in asyncio.all_tasks()} == {asyncio.current_task().get_name()}
    assert bench.registry.get_sample_value("repaintd_render_queue_depth") is None


async def test_what_a_killed_daemon_left_behind_is_removed(bench: Any) -> None:
    stale = bench.directory / "generation-7" / "profile"
    stale.mkdir(parents=True)
    async with bench.open() as renderer:
        assert not stale.parent.exists()
        await renderer.probe()
