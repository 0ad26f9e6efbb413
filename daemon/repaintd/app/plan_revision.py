"""The configuration directory as it was at a Git revision, read without touching the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from repaintd.errors import RepaintdError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SECONDS: Final = 120.0
_INHERITED: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""Set where a hook runs us; the repository is the one around the configuration directory."""
_NEEDED: Final = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR")
_NEEDED_KINDS: Final = ("GIT_", "SSH_", "XDG_")
"""All that Git is told of the environment: the rest may be secrets of bindings."""
_QUIETLY: Final = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")


class RevisionRefused(RepaintdError):
    """A revision that cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A directory at a revision.

    Attributes:
        directory: a copy; empty where the revision has no such directory.
        commit: its whole name.
    """

    directory: Path
    commit: str


def read_revision(directory: Path, name: str, into: Path, environ: Mapping[str, str]) -> Revision:
    """Copy what *directory* was at a revision to below *into*, as Git would check it out; blocks.

    An index of our own is used, so that neither the checkout nor its index is touched. Symbolic
    links stay links: who loads the copy refuses those that lead out of it.

    Raises:
        RevisionRefused: there is no Git, no repository or no such revision, or it cannot be read.
    """
    git = _Git(directory, into / "index", environ)
    commit = git.commit(name)
    target = into / "tree"
    copy = target / git.prefix
    copy.mkdir(parents=True)
    tree = f"{commit}:{git.prefix}".removesuffix("/")
    if git.has_tree(tree):
        below = (f"--prefix={git.prefix}",) if git.prefix else ()
        git.run("read-tree", *below, tree)
        git.run("checkout-index", "--all", f"--prefix={target}/")
    return Revision(directory=copy, commit=commit)


class _Git:
    """Git at the top of the repository that holds a directory.

    Attributes:
        prefix: the directory's place in the repository, with a slash at the end; "" at its top.
    """

    def __init__(self, directory: Path, index: Path, environ: Mapping[str, str]) -> None:
        found = shutil.which("git", path=environ.get("PATH"))
        if found is None:
            raise RevisionRefused("there is no `git` here to read a revision with; install it")
        self._program = found
        self._environ = {
            key: value
            for key, value in environ.items()
            if key not in _INHERITED and (key in _NEEDED or key.startswith(_NEEDED_KINDS))
        }
        self._environ |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_INDEX_FILE": str(index)}
        self._directory = os.path.realpath(directory)
        top, prefix = self._place(directory)
        self._directory, self.prefix = top, prefix

    def _place(self, directory: Path) -> tuple[str, str]:
        done = self._done("rev-parse", "--show-toplevel", "--show-prefix")
        top, _, rest = done.stdout.partition("\n")
        if done.returncode or not top:
            raise RevisionRefused(
                f"{directory} lies in no Git checkout that can be read: {_why(done)}"
            )
        return top, rest.removesuffix("\n")

    def commit(self, name: str) -> str:
        done = self._done("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
        if done.returncode:
            raise RevisionRefused(
                f"{name!r} is neither a directory nor a Git revision that is known here "
                f"({_why(done)}); fetch it first, in continuous integration with its whole history"
            )
        return done.stdout.strip()

    def has_tree(self, name: str) -> bool:
        done = self._done("cat-file", "-t", name)
        return done.returncode == 0 and done.stdout.strip() == "tree"

    def run(self, *arguments: str) -> None:
        done = self._done(*arguments)
        if done.returncode:
            raise RevisionRefused(f"git {arguments[0]} failed: {_why(done)}")

    def _done(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [self._program, "-C", self._directory, *_QUIETLY, *arguments]
        try:
            return subprocess.run(  # noqa: S603 - no shell, and what users name is no option
                command,
                env=self._environ,
                capture_output=True,
                text=True,
                errors="surrogateescape",
                timeout=SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired as error:
            raise RevisionRefused(
                f"git {arguments[0]} did not end within {SECONDS:.0f} s"
            ) from error
        except (OSError, ValueError) as error:
            raise RevisionRefused(f"git cannot be run: {error}") from error


def _why(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    return lines[0].removeprefix("fatal: ") if lines else f"git ended with {done.returncode}"
