"""Every way in which a configuration directory is changed, with real files and a real kernel."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import structlog

from repaintd.app import Options
from repaintd.app.configure import ConfigurationTree
from repaintd.runtime.clock import SystemClock
from repaintd.runtime.reload import Pace, Reloads
from repaintd.runtime.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BINDING = """
  - uid: {uid}
    name: {name}
    templateId: card
    dataSource: {{ type: static, staticData: {{}} }}
    refreshPolicy: {{ type: manual }}
"""
IN_TIME = 10.0
"""Seconds from a change to its use on a machine that does much else; two on an idle one (C3)."""


def fill(directory: Path, *uids: str, name: str = "A card") -> Path:
    (directory / "bindings").mkdir(parents=True, exist_ok=True)
    (directory / "templates" / "card").mkdir(parents=True, exist_ok=True)
    (directory / "templates" / "card" / "template.html").write_text("<p>Hello</p>")
    text = "bindings:" + "".join(BINDING.format(uid=uid, name=name) for uid in uids)
    (directory / "bindings" / "all.yaml").write_text(text)
    return directory


class House:
    """Reloads of one directory, and what they came to."""

    def __init__(
        self, directory: Path, *, watch: bool = True, poll: float = 3600.0, settle: float = 0.2
    ) -> None:
        self.tree = ConfigurationTree(Options(directory=directory, environ={}))
        self.found = [set(self.tree.load().configuration.bindings)]
        self.names: list[set[str]] = []
        self.rejected: list[tuple] = []
        self.loads = 0
        self.changed_at = 0.0
        self.delays: list[float] = []
        self.reloads = Reloads(
            self.tree,
            self,
            pace=lambda: Pace(settle=settle, longest=10, poll=poll),
            clock=SystemClock(),
            log=structlog.get_logger(),
            seen=self.tree.signature(),
        )
        self.watcher = Watcher(
            directory, notice=self.reloads.notice, log=structlog.get_logger(), again=3600
        )
        self.watch = watch

    def begin(self) -> None:
        self.loads += 1

    def end(self) -> None:
        pass

    def is_due(self) -> bool:
        return False

    async def accept(self, loaded):
        bindings = loaded.configuration.bindings
        self.found.append(set(bindings))
        self.names.append({each.name for each in bindings.values()})
        self.delays.append(time.monotonic() - self.changed_at)

    async def reject(self, problems) -> None:
        self.rejected.append(problems)

    @asynccontextmanager
    async def running(self):
        async with asyncio.TaskGroup() as tasks:
            started = [tasks.create_task(self.reloads.serve())]
            if self.watch:
                started.append(tasks.create_task(self.watcher.serve()))
                await asyncio.sleep(0.5)  # the kernel does not tell when it listens
            yield self
            for task in started:
                task.cancel()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):
            while not condition():
                await asyncio.sleep(0.02)

    async def finds(self, *uids: str) -> None:
        await self.until(lambda: self.found[-1] == set(uids))

    async def changes(self, change: Callable[[], object], *uids: str) -> None:
        """*change* is found, without a half-done state in between, and in time."""
        known = len(self.found)
        self.changed_at = time.monotonic()
        change()
        await self.finds(*uids)
        assert self.found[known:] == [set(uids)]
        assert self.rejected == []
        assert self.delays[-1] < IN_TIME


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path.resolve()


async def test_c3_a_write_in_place(root):
    config = fill(root / "config", "a")
    async with House(config).running() as house:
        await house.changes(lambda: fill(config, "a", "b"), "a", "b")
        await house.changes(lambda: fill(config, "b"), "b")


async def test_c3_a_rename_as_editors_do_it(root):
    config = fill(root / "config", "a")

    def save(*uids: str) -> None:
        beside = config / "bindings" / ".all.yaml.swp"
        beside.write_text((fill(root / "scratch", *uids) / "bindings" / "all.yaml").read_text())
        beside.rename(config / "bindings" / "all.yaml")

    async with House(config).running() as house:
        await house.changes(lambda: save("b"), "b")
        await house.changes(lambda: save("c"), "c")


async def test_c3_a_new_folder_with_files_in_it(root):
    config = fill(root / "config", "a")
    async with House(config).running() as house:
        text = "bindings:" + BINDING.format(uid="deep", name="Deep")

        def add() -> None:
            (config / "bindings" / "team" / "x").mkdir(parents=True)
            (config / "bindings" / "team" / "x" / "y.yaml").write_text(text)

        await house.changes(add, "a", "deep")
        shutil.rmtree(config / "bindings" / "team")
        await house.finds("a")


async def test_c3_kubernetes_swaps_the_link_in_its_volume_again_and_again(root):
    volume = root / "volume"
    volume.mkdir()

    def swap(version: str, *uids: str) -> None:
        """As the kubelet's atomic writer does it."""
        fill(volume / f"..{version}", *uids)
        (volume / "..data_tmp").symlink_to(f"..{version}")
        (volume / "..data_tmp").rename(volume / "..data")
        for name in ("bindings", "templates"):
            if not (volume / name).is_symlink():
                (volume / name).symlink_to(f"..data/{name}")
        for each in volume.iterdir():
            if each.name.startswith("..2") and each.name != f"..{version}":
                shutil.rmtree(each)

    swap("2026_01", "a")
    async with House(volume).running() as house:
        await house.changes(lambda: swap("2026_02", "b"), "b")
        await house.changes(lambda: swap("2026_03", "c"), "c")
        await house.changes(lambda: swap("2026_04", "d"), "d")


async def test_c3_git_sync_swaps_the_link_to_the_whole_tree(root):
    (root / "git").mkdir()

    def swap(version: str, *uids: str) -> None:
        fill(root / "git" / ".worktrees" / version / "config", *uids)
        (root / "git" / "tmp-link").symlink_to(f".worktrees/{version}")
        (root / "git" / "tmp-link").rename(root / "git" / "current")
        for each in (root / "git" / ".worktrees").iterdir():
            if each.name != version:
                shutil.rmtree(each)

    swap("1", "a")
    async with House(root / "git" / "current" / "config").running() as house:
        await house.changes(lambda: swap("2", "b"), "b")
        await house.changes(lambda: swap("3", "c"), "c")
        await house.changes(lambda: fill(root / "git" / "current" / "config", "c", "d"), "c", "d")


async def test_c3_the_whole_directory_is_swapped(root):
    config = fill(root / "config", "a")

    def swap(number: int, *uids: str) -> None:
        fill(root / f"new-{number}", *uids)
        config.rename(root / f"old-{number}")
        (root / f"new-{number}").rename(config)

    async with House(config).running() as house:
        await house.changes(lambda: swap(1, "b"), "b")
        await house.changes(lambda: swap(2, "c"), "c")
        await house.changes(lambda: fill(config, "d"), "d")


async def test_c3_without_a_watch_it_is_found_by_looking(root):
    config = fill(root / "config", "a")
    async with House(config, watch=False, poll=0.5).running() as house:
        await house.changes(lambda: fill(config, "b"), "b")


async def test_a_directory_that_vanishes_is_rejected_and_found_again(root):
    config = fill(root / "config", "a")
    async with House(config).running() as house:
        config.rename(root / "elsewhere")
        await house.until(lambda: len(house.rejected) == 1)
        assert "is not a directory" in str(house.rejected[0][0])
        (root / "elsewhere").rename(config)
        await house.until(lambda: len(house.found) == 2)
        assert house.found[-1] == {"a"}


async def test_files_that_no_load_reads_cause_no_reload(root):
    config = fill(root / "config", "a")
    async with House(config).running() as house:
        (config / ".git").mkdir()
        (config / ".git" / "index").write_text("x")
        (config / "bindings" / "all.yaml~").write_text("x")
        (config / "notes.txt").write_text("x")
        (root / "output").mkdir()
        (root / "output" / "a.png").write_text("x")
        await asyncio.sleep(1)
        assert house.loads == 0


def git(directory: Path, *arguments: str) -> None:
    subprocess.run(  # noqa: S603 - our own words
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments],  # noqa: S607
        cwd=directory,
        check=True,
        capture_output=True,
    )


def thousand(directory: Path, name: str) -> None:
    (directory / "bindings").mkdir(parents=True, exist_ok=True)
    for n in range(1000):
        text = "bindings:" + BINDING.format(uid=f"card-{n:04}", name=name)
        (directory / "bindings" / f"card-{n:04}.yaml").write_text(text)


@pytest.mark.slow
async def test_c3_a_checkout_of_a_thousand_files_is_one_reload(root, require):
    require("git")
    config = fill(root / "config", "a")
    thousand(config, "old")
    git(config, "init", "-q", "-b", "main")
    git(config, "add", ".")
    git(config, "commit", "-q", "-m", "old")
    git(config, "checkout", "-q", "-b", "new")
    thousand(config, "new")
    git(config, "commit", "-q", "-a", "-m", "new")
    git(config, "checkout", "-q", "main")
    async with House(config, settle=1.0).running() as house:
        checkout = asyncio.to_thread(git, config, "checkout", "-q", "new")
        await asyncio.gather(checkout, house.until(lambda: house.names))
        await asyncio.sleep(2)
        assert house.names == [{"A card", "new"}]
        assert (house.loads, house.rejected) == (1, [])


@pytest.mark.slow
async def test_c3_a_pull_that_takes_its_time_is_never_seen_half(root):
    """Each file by itself is sound; old and new ones together are told by their names."""
    config = fill(root / "config", "a")
    thousand(config, "old")

    async def pull() -> None:
        for n in range(1000):
            path = config / "bindings" / f"card-{n:04}.yaml"
            path.unlink()
            text = "bindings:" + BINDING.format(uid=f"card-{n:04}", name="new")
            path.write_text(text)
            if n % 20 == 0:
                await asyncio.sleep(0.03)

    async with House(config, settle=1.0).running() as house:
        await pull()
        await house.until(lambda: house.names)
        await asyncio.sleep(2)
        assert house.names == [{"A card", "new"}]
        assert (house.loads, house.rejected) == (1, [])
