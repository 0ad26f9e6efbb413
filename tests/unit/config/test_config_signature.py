from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from repaintd.config import limits, signature
from repaintd.config.signature import tree_signature

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def put(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "config"
    put(root / "repaintd.yaml")
    put(root / "bindings/a.yaml")
    put(root / "bindings/sub/b.yaml")
    put(root / "templates/card/template.html")
    put(root / "templates/card/fonts/a.woff2")
    return root


def replaced(path: Path) -> None:
    """As editors and Git do: a new file of the same size takes the old one's place."""
    new = path.with_name(".new")
    new.write_text(path.read_text())
    new.replace(path)


SEEN: dict[str, Callable[[Path], object]] = {
    "a file is written": lambda root: put(root / "bindings/a.yaml", "y"),
    "a file is touched": lambda root: os.utime(root / "bindings/sub/b.yaml"),
    "a file is replaced by its like": lambda root: replaced(root / "templates/card/template.html"),
    "a file appears": lambda root: put(root / "bindings/new.yaml"),
    "a file appears deep below": lambda root: put(root / "templates/card/fonts/deep/er/x"),
    "a file goes": lambda root: (root / "bindings/a.yaml").unlink(),
    "the settings go": lambda root: (root / "repaintd.yaml").unlink(),
    "a file with a wrong ending appears": lambda root: put(root / "bindings/a.yml"),
    "the settings appear under a wrong name": lambda root: put(root / "repaintd.yml"),
    "a folder appears": lambda root: (root / "templates/empty").mkdir(),
    "a file is renamed": lambda root: (root / "bindings/a.yaml").rename(root / "bindings/c.yaml"),
    "a file becomes a folder": lambda root: (
        (root / "bindings/a.yaml").unlink(),
        (root / "bindings/a.yaml").mkdir(),
    ),
    "the mode of a file changes": lambda root: (root / "bindings/a.yaml").chmod(0),
    "a dangling link appears": lambda root: (root / "bindings/l.yaml").symlink_to("nowhere"),
    "a link in a loop appears": lambda root: (root / "bindings/l.yaml").symlink_to("l.yaml"),
    "all goes": lambda root: root.rename(root.with_name("gone")),
}
UNSEEN: dict[str, Callable[[Path], object]] = {
    "nothing happens": lambda _: None,
    "an editor leaves a swap file": lambda root: put(root / "bindings/.a.yaml.swp"),
    "an editor leaves a backup": lambda root: put(root / "bindings/a.yaml~"),
    "a read-me changes": lambda root: put(root / "README.md"),
    "Git works in its own folder": lambda root: put(root / ".git/index"),
    "a file is read": lambda root: (root / "bindings/a.yaml").read_text(),
}


@pytest.mark.parametrize("what", SEEN)
def test_the_signature_changes_when(root: Path, what: str):
    before = tree_signature(root)
    SEEN[what](root)
    after = tree_signature(root)
    assert after != before
    assert tree_signature(root) == after


@pytest.mark.parametrize("what", UNSEEN)
def test_the_signature_stays_when(root: Path, what: str):
    before = tree_signature(root)
    UNSEEN[what](root)
    assert tree_signature(root) == before


def switch(link: Path, target: str) -> None:
    new = link.with_name("new-link")
    new.symlink_to(target)
    new.replace(link)


def test_a_swap_of_a_configmap_is_seen(tmp_path: Path):
    """Kubernetes: every file leads through `..data`, which is swapped."""
    root = tmp_path / "config"
    for version in ("..1", "..2"):
        put(root / "bindings" / version / "a.yaml")
    (root / "bindings/..data").symlink_to("..1")
    (root / "bindings/a.yaml").symlink_to("..data/a.yaml")
    before = tree_signature(root)
    switch(root / "bindings/..data", "..2")
    assert tree_signature(root) != before


def test_a_swap_of_a_whole_tree_is_seen(tmp_path: Path):
    """git-sync: the configuration directory is, or lies below, a link to a work tree."""
    for version in ("one", "two"):
        put(tmp_path / version / "config/bindings/a.yaml")
    link = tmp_path / "current"
    link.symlink_to("one")
    before = tree_signature(link / "config")
    switch(link, "two")
    after = tree_signature(link / "config")
    assert after != before
    switch(link, "one")
    assert tree_signature(link / "config") == before


def test_what_stands_behind_a_link_counts(root: Path, tmp_path: Path):
    shared = put(tmp_path / "config/shared/a.yaml")
    (root / "bindings/l.yaml").symlink_to("../shared/a.yaml")
    (root / "bindings/folder").symlink_to("../shared")
    before = tree_signature(root)
    put(shared, "more")
    assert tree_signature(root) != before


def test_a_link_that_leads_back_ends(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "TREE_ENTRIES", 50)
    (root / "bindings/loop").symlink_to(".")
    (root / "bindings/loop2").symlink_to(".")
    assert tree_signature(root) == tree_signature(root)


def test_nothing_at_all_has_a_signature_too(tmp_path: Path):
    assert tree_signature(tmp_path / "nowhere") == tree_signature(tmp_path / "nowhere")
    assert tree_signature(put(tmp_path / "file")) != tree_signature(tmp_path / "nowhere")


def test_bad_input_15_files_that_vanish_while_it_looks_do_no_harm(
    root: Path, monkeypatch: pytest.MonkeyPatch
):
    before, scandir = tree_signature(root), os.scandir

    def vanishing(path: str) -> object:
        found = scandir(path)
        (root / "bindings/a.yaml").unlink(missing_ok=True)
        return found

    monkeypatch.setattr(signature.os, "scandir", vanishing)
    assert tree_signature(root) != before


def test_a_folder_that_must_not_be_listed_counts_as_such(
    root: Path, monkeypatch: pytest.MonkeyPatch
):
    before = tree_signature(root)

    def refuse(path: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(signature.os, "scandir", refuse)
    assert tree_signature(root) != before
    assert tree_signature(root) == tree_signature(root)


def test_names_that_are_no_text_do_no_harm(root: Path):
    before = tree_signature(root)
    (root / "bindings" / os.fsdecode(b"\xff.yaml")).touch()
    assert tree_signature(root) != before
