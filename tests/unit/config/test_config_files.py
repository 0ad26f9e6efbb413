"""Reading files that change, vanish or are no files (bad input 15)."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from repaintd.config import files
from repaintd.config.files import FileRefused, read_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Load, Problems

MOST = 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    return path


def disturbed(times: int, disturb: Callable[[], object]) -> Callable[[int, int], bytes]:
    """Reads as the system does; somebody disturbs the first reads."""
    left = times

    def read(descriptor: int, size: int) -> bytes:
        nonlocal left
        body = os.read(descriptor, size)
        if left:
            left -= 1
            disturb()
        return body

    return read


def test_a_quiet_file_is_read_at_once(path: Path):
    assert read_file(str(path), MOST) == b"old"


def test_bad_input_15_a_file_written_while_it_is_read_is_read_again(path: Path):
    read = disturbed(2, lambda: path.write_bytes(path.read_bytes() + b"+"))
    assert read_file(str(path), MOST, read=read) == b"old++"


def test_bad_input_15_a_file_replaced_while_it_is_read_is_read_again(path: Path):
    def replace() -> None:
        path.with_suffix(".new").write_bytes(b"new")
        path.with_suffix(".new").replace(path)

    assert read_file(str(path), MOST, read=disturbed(1, replace)) == b"new"


def test_bad_input_15_a_file_that_never_holds_still_is_told(path: Path):
    read = disturbed(9, lambda: path.write_bytes(path.read_bytes() + b"+"))
    with pytest.raises(
        FileRefused, match=r"^changes while it is read; load again when its writer is done$"
    ):
        read_file(str(path), MOST, read=read)


def test_bad_input_15_a_file_that_vanishes_while_it_is_read_is_told(path: Path):
    with pytest.raises(FileRefused, match=r"^is not there, or is a symbolic link to nothing"):
        read_file(str(path), MOST, read=disturbed(1, path.unlink))


def test_bad_input_15_a_file_that_is_swapped_for_a_link_is_not_followed(path: Path):
    def swap() -> None:
        path.unlink()
        path.symlink_to("/etc/passwd")

    with pytest.raises(FileRefused, match=r"^changes while it is read"):
        read_file(str(path), MOST, read=disturbed(1, swap))


def test_a_read_that_fails_is_told(path: Path):
    def fail(_descriptor: int, _size: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(
        FileRefused, match=r"^cannot be read: Input/output error; mend it, or remove it$"
    ):
        read_file(str(path), MOST, read=fail)


def test_a_file_that_must_not_be_read_is_told(path: Path):
    def fail(_descriptor: int, _size: int) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(
        FileRefused,
        match=r"^cannot be read: Permission denied; give the daemon's user read access$",
    ):
        read_file(str(path), MOST, read=fail)


@pytest.mark.parametrize("name", ["fifo", "folder", "socket"])
def test_only_regular_files_are_read_and_nothing_is_waited_for(tmp_path: Path, name: str):
    path = tmp_path / name
    if name == "fifo":
        os.mkfifo(path)
    elif name == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/null")
    with pytest.raises(FileRefused, match=r"^is not a regular file; remove it$"):
        read_file(os.path.realpath(path), MOST)


def test_a_file_may_be_as_large_as_is_allowed(path: Path):
    path.write_bytes(b"x" * MOST)
    assert len(read_file(str(path), MOST)) == MOST
    path.write_bytes(b"x" * (MOST + 1))
    with pytest.raises(FileRefused, match=r"^is 1,001 bytes; at most 1,000 are allowed$"):
        read_file(str(path), MOST)


def test_a_folder_that_cannot_be_listed_is_a_problem(
    tree: Path, problems: Problems, monkeypatch: pytest.MonkeyPatch
):
    (tree / "bindings").mkdir()

    def refuse(path: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(files.os, "scandir", refuse)
    denied = "cannot be read: Permission denied; give the daemon's user read access"
    assert problems({}) == [f"bindings:1:1: {denied}", f"templates:1:1: {denied}"]


def test_a_file_where_a_folder_belongs_is_a_problem(problems: Problems):
    assert problems({"bindings": "no folder"}) == [
        "bindings:1:1: cannot be read: Not a directory; mend it, or remove it"
    ]


def test_names_that_are_no_text_are_a_problem(tree: Path, problems: Problems):
    (tree / "bindings").mkdir()
    (tree / "bindings" / os.fsdecode(b"\xff.yaml")).touch()
    assert problems({}) == ["bindings/\\udcff.yaml:1:1: has a name that is not UTF-8; rename it"]


def test_names_with_control_characters_cannot_forge_lines(problems: Problems):
    assert problems({"bindings/a\nb\x1b[2J.yaml": "3"}) == [
        (
            "bindings/a\\nb\\x1b[2J.yaml:1:1: must be a mapping; "
            "put the key `bindings:` above the list"
        )
    ]


def test_a_binding_file_that_is_a_folder_is_walked(load: Load):
    binding = "bindings:\n  - uid: a\n    templateId: card\n    dataSource: { type: static }\n"
    assert list(load({"bindings/x.yaml/a.yaml": binding}).bindings) == ["a"]
