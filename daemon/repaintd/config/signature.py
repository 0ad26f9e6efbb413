"""One name for all that a load would read: the tree stands still while it stays the same."""

from __future__ import annotations

# Plain texts, as in `files`.
# ruff: noqa: PTH115, PTH116, PTH118
import hashlib
import os
import stat
from typing import TYPE_CHECKING, Final

from repaintd.config import limits
from repaintd.config.settings_reader import FILE, MISNAMED

if TYPE_CHECKING:
    from pathlib import Path

_READ_BINDINGS: Final = (".yaml", ".yml")
_DIGEST_BYTES: Final = 16


def tree_signature(directory: Path) -> bytes:
    """A digest over what a load would read below *directory*: names, kinds, sizes, times, inodes.

    Contents are not read. Symbolic links count with what they point to and with what stands there,
    so that a swap of links (ConfigMaps, git-sync) shows. Hidden files do not count, nor do files
    that no load reads (`bindings/a.yaml~`). What vanishes meanwhile, or cannot be read, counts as
    just that: this never fails. Blocks; about 10 ms for 1,000 files.
    """
    root = os.path.realpath(directory)
    walk = _Walk()
    walk.look(root, "")
    for name in (FILE, MISNAMED):
        walk.look(os.path.join(root, name), name)
    walk.descend(os.path.join(root, "bindings"), "bindings", _READ_BINDINGS)
    walk.descend(os.path.join(root, "templates"), "templates", "")
    return walk.digest()


class _Walk:
    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        self._left = limits.TREE_ENTRIES

    def digest(self) -> bytes:
        return self._hash.digest()

    def look(self, path: str, relative: str) -> bool:
        """Note what stands at *path*; True for a folder."""
        try:
            found = os.stat(path, follow_symlinks=False)
            link = ""
            if stat.S_ISLNK(found.st_mode):
                self._note(relative, f"{os.readlink(path)}\0{found.st_ino}")
                link = os.path.realpath(path)
                found = os.stat(link)
        except OSError as error:
            self._note(relative, f"errno {error.errno}")
            return False
        is_folder = stat.S_ISDIR(found.st_mode)
        # What counts in a folder is noted entry by entry: its own times change with hidden files.
        content = "" if is_folder else f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
        kind = stat.S_IFMT(found.st_mode)
        self._note(relative, f"{link}\0{kind} {found.st_dev} {found.st_ino} {content}")
        return is_folder

    def descend(self, path: str, relative: str, endings: str | tuple[str, ...]) -> None:
        """Note the folder at *path*, and all below it that ends so; stops at the limits."""
        pending = [(path, relative, 0)] if self.look(path, relative) else []
        while pending and self._left > 0:
            folder, prefix, depth = pending.pop()
            names = self._names(folder, prefix)
            self._left -= len(names)
            for name, may_be_folder in names:
                if not (may_be_folder or name.endswith(endings)):
                    continue
                below, place = f"{folder}/{name}", f"{prefix}/{name}"
                if self.look(below, place) and depth < limits.TREE_DEPTH:
                    pending.append((below, place, depth + 1))

    def _names(self, folder: str, relative: str) -> list[tuple[str, bool]]:
        try:
            with os.scandir(folder) as entries:
                return sorted(
                    (each.name, each.is_symlink() or each.is_dir(follow_symlinks=False))
                    for each in entries
                    if not each.name.startswith(".")
                )
        except OSError as error:
            self._note(relative, f"errno {error.errno}")
            return []

    def _note(self, relative: str, what: str) -> None:
        self._hash.update(f"{relative}\0{what}\n".encode("utf-8", "surrogateescape"))
