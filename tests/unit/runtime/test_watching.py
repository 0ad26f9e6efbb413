"""Where the configuration's path leads, and what becomes of a watch that cannot be set up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from repaintd.runtime import watching
from repaintd.runtime.trail import trail_of
from repaintd.runtime.watching import Watcher


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def test_a_plain_directory_is_a_door_itself(root):
    (root / "config").mkdir()
    trail = trail_of(root / "config")
    assert trail.tree == str(root / "config")
    assert trail.doors == {str(root / "config")}
    assert trail.porches == (str(root),)


def test_every_link_on_the_way_is_a_door(root):
    (root / "git" / "work" / "abc" / "config").mkdir(parents=True)
    (root / "git" / "current").symlink_to("work/abc")
    (root / "etc").mkdir()
    (root / "etc" / "repaintd").symlink_to(root / "git" / "current" / "." / "config")
    trail = trail_of(root / "etc" / "repaintd")
    assert trail.tree == str(root / "git/work/abc/config")
    assert trail.doors == {
        str(root / "etc/repaintd"),
        str(root / "git/current"),
        str(root / "git/work/abc/config"),
    }


def test_a_link_that_goes_up_is_followed(root):
    (root / "a" / "b").mkdir(parents=True)
    (root / "config").mkdir()
    (root / "a" / "b" / "link").symlink_to("../../config")
    assert trail_of(root / "a" / "b" / "link").tree == str(root / "config")


def test_a_path_that_leads_nowhere_has_doors_all_the_same(root):
    trail = trail_of(root / "config")
    assert trail.tree is None
    assert trail.porches == (str(root),)
    (root / "dangling").symlink_to("config")
    assert trail_of(root / "dangling").tree is None
    (root / "file").write_text("")
    assert trail_of(root / "file").tree is None


def test_links_in_a_circle_lead_nowhere(root):
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    trail = trail_of(root / "a")
    assert trail.tree is None
    assert {str(root / "a"), str(root / "b")} <= trail.doors


def test_a_link_that_is_swapped_while_it_is_read_leads_nowhere(root, monkeypatch):
    (root / "link").symlink_to("config")

    def gone(_path):
        raise FileNotFoundError

    monkeypatch.setattr("os.readlink", gone)
    assert trail_of(root / "link").tree is None


def test_another_directory_of_the_same_name_is_another_trail(root):
    (root / "config").mkdir()
    before = trail_of(root / "config")
    (root / "config").rename(root / "old")
    (root / "config").mkdir()
    assert trail_of(root / "config") != before
    assert trail_of(root / "config") == trail_of(root / "config")


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/c/bindings/a.yaml", True),
        ("/c/..data", True),
        ("/c/.git/index.lock", False),
        ("/c/sub/.git", False),
        ("/c/.gitignore", True),
    ],
)
def test_the_inner_life_of_a_repository_is_not_looked_at(path, wanted):
    trail = watching.trail_of(Path("/c"))
    filter_ = watching._beside_git(type(trail)("/c", trail.doors, trail.identity))
    assert filter_(watching, path) is wanted


def test_a_repository_around_the_tree_does_not_matter():
    trail = type(watching.trail_of(Path("/c")))("/x/.git/worktrees/c", frozenset(), ())
    assert watching._beside_git(trail)(watching, "/x/.git/worktrees/c/repaintd.yaml")


class Refusing:
    """Stands for `awatch`: fails as told, so often, then waits for ever."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error = error
        self.left = times
        self.calls = 0

    def __call__(self, *_paths, **_options):
        self.calls += 1
        return self._changes()

    async def _changes(self):
        if self.left > 0:
            self.left -= 1
            raise self.error
        await asyncio.Event().wait()
        yield set()


async def watch(directory: Path, until, **options) -> list:
    log = structlog.get_logger()
    watcher = Watcher(directory, notice=lambda: None, log=log, again=0.01, **options)
    with capture_logs() as logs:
        task = asyncio.create_task(watcher.serve())
        async with asyncio.timeout(10):
            while not until() and not task.done():
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
    return logs


@pytest.mark.parametrize(
    "error", [OSError("OS file watch limit reached"), RuntimeError("inotify broke")]
)
async def test_a_watch_that_cannot_be_set_up_is_told_once_and_tried_again(root, monkeypatch, error):
    refusing = Refusing(error, times=6)
    monkeypatch.setattr(watching, "awatch", refusing)
    logs = await watch(root, lambda: refusing.calls >= 8)
    assert [each["log_level"] for each in logs].count("warning") == 1
    assert "cannot be watched; it is looked at now and then" in logs[0]["event"]
    assert logs[0]["why"] == str(error)


async def test_a_directory_that_is_swapped_just_now_is_no_trouble(root, monkeypatch):
    monkeypatch.setattr(watching, "SHORTLY", 0.001)
    refusing = Refusing(FileNotFoundError("gone"), times=3)
    monkeypatch.setattr(watching, "awatch", refusing)
    assert await watch(root, lambda: refusing.calls >= 5) == []
