"""What a plan compares with: a directory, a Git revision, or the running daemon."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Literal

from repaintd.app.client import DaemonClient, DaemonRefused
from repaintd.app.configure import Options, load
from repaintd.app.plan_active import FORM, ActiveLoaded, ActiveSide
from repaintd.app.plan_revision import read_revision
from repaintd.app.plan_side import LoadedSide
from repaintd.errors import ConfigurationError, RepaintdError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from repaintd.app.configure import Loaded
    from repaintd.app.plan_side import Side

DAEMON: Final = "daemon"
ROUNDS: Final = 3
"""How often pages are asked for anew when the daemon reloads between two of them."""
_GONE: Final = 404

Kind = Literal["directory", "revision", "daemon"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The configuration that another one is compared with.

    Attributes:
        name: as it was given.
        commit: of a revision.
        before: what it says.
        after: what it is compared with, in the same form.
    """

    kind: Kind
    name: str
    commit: str = ""
    before: Side
    after: Side

    @property
    def title(self) -> str:
        """In a few words."""
        if self.kind == "daemon":
            return "the running daemon"
        return f"{self.name} ({self.commit[:12]})" if self.commit else self.name


@contextmanager
def open_baseline(loaded: Loaded, options: Options, against: str) -> Iterator[Baseline]:
    """What *against* names, to be compared with *loaded*; files of a revision go at the end.

    `daemon` is the running daemon, whatever directories there are (`./daemon` is one); else a
    directory that exists is meant, else a revision.

    Raises:
        ConfigurationError: the configuration to compare with is not valid.
        RepaintdError: there is none, or it cannot be read.
    """
    if against == DAEMON:
        active = ActiveSide(_active_pages(loaded, options.environ))
        yield Baseline(kind="daemon", name=against, before=active, after=ActiveLoaded(loaded))
        return
    with ExitStack() as stack:
        directory, commit = Path(against), ""
        if directory.is_dir():
            _look_into(directory)
        else:
            scratch = stack.enter_context(TemporaryDirectory(prefix="repaintd-plan-"))
            found = read_revision(options.directory, against, Path(scratch), options.environ)
            directory, commit = found.directory, found.commit
        yield Baseline(
            kind="revision" if commit else "directory",
            name=against,
            commit=commit,
            before=LoadedSide(_load(directory, against, options)),
            after=LoadedSide(loaded),
        )


def _look_into(directory: Path) -> None:
    """Refuse a directory of something else: all bindings would look new beside it."""
    known, found = {"repaintd.yaml", "bindings", "templates"}, False
    try:
        for each in directory.iterdir():
            if each.name in known:
                return
            found = True
    except OSError as error:
        raise RepaintdError(f"{directory} cannot be read: {error.strerror}") from error
    if found:
        raise RepaintdError(
            f"{directory} is a directory, but no configuration; if a branch of that name is meant, "
            f"say refs/heads/{directory.name}"
        )


def _load(directory: Path, name: str, options: Options) -> Loaded:
    there = Options(directory=directory, environ=options.environ)
    try:
        return load(there, check_templates=False)
    except ConfigurationError as error:
        errors = [each for each in error.problems if each.severity == "error"]
        raise ConfigurationError(
            [replace(each, file=f"{name}:{each.file}") for each in errors]
        ) from error


def _active_pages(loaded: Loaded, environ: Mapping[str, str]) -> list[dict[str, Any]]:
    client = DaemonClient(loaded.configuration, environ)
    for _ in range(ROUNDS):
        pages = _pages(client)
        if len({page["version"] for page in pages}) == 1:
            return pages
    raise RepaintdError("the daemon's configuration changes all the time; try again later")


def _pages(client: DaemonClient) -> list[dict[str, Any]]:
    pages: list[dict[str, Any]] = []
    after: str | None = ""
    while after is not None:
        page = _page(client, after)
        if page.get("form") != FORM:
            raise RepaintdError(
                "the daemon is of another version than this command, and cannot be compared with; "
                "restart it with this version, or name a directory or a revision with --against"
            )
        pages.append(page)
        after = page["next"]
    return pages


def _page(client: DaemonClient, after: str) -> dict[str, Any]:
    try:
        return client.active_configuration(after)
    except DaemonRefused as refused:
        if refused.status != _GONE:
            raise
        return {}  # it is older than this question
