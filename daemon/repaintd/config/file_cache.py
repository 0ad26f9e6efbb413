"""YAML files that an earlier load has read: what has not changed is not parsed again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from repaintd.config import limits
from repaintd.config.part import Part, Site, name_of
from repaintd.config.problem import Report
from repaintd.config.secret_check import SecretCheck
from repaintd.config.stamps import stamp_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from repaintd.config.document import Document
    from repaintd.config.files import Entry
    from repaintd.config.run import Run
    from repaintd.config.stamps import Stamp
    from repaintd.config.yaml_files import YamlFiles

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)


class Make(Protocol[Value_co]):
    """Makes a value of a document, telling the problems and the secrets of its file."""

    def __call__(
        self, document: Document | None, report: Report, secrets: SecretCheck, /
    ) -> Value_co:
        """Make the value; of None where the file holds no document."""


class Read(NamedTuple):
    """A file that was read."""

    entry: Entry
    body: bytes
    digest: bytes
    stamp: Stamp | None


class FileCache(Generic[Value]):
    """Remembers the files of the latest load, and those of the latest that succeeded.

    The latter are kept while loads fail, so that a broken file that is restored gives the very
    same objects again. Both together hold at most the files of two loads.
    """

    def __init__(self) -> None:
        self._latest: dict[str, Part[Value]] = {}
        self._sound: dict[str, Part[Value]] = {}
        self._next: dict[str, Part[Value]] = {}
        self._problems = 0

    def begin(self) -> None:
        """Start a load."""
        self._next = {}
        self._problems = 0

    def end(self, *, succeeded: bool) -> None:
        """Forget what the load has not met, unless it failed."""
        self._latest = self._next
        if succeeded:
            self._sound = self._next
        self._next = {}

    def known(self, entry: Entry, holds: Callable[[Value], bool]) -> list[Part[Value]]:
        """What earlier loads made of the file, as far as it would still be judged the same."""
        parts = (self._latest.get(entry.relative), self._sound.get(entry.relative))
        return [each for each in parts if each is not None and holds(each.value)]

    def read(
        self, entry: Entry, run: Run, known: Sequence[Part[Value]], make: Make[Value]
    ) -> Site[Value] | None:
        """What the file gives now, out of *known* if possible.

        None where there is nothing to be had of it; the report of *run* says why.
        """
        files = run.files
        stamp = stamp_of(entry.real, run.now_ns)
        if stamp is not None:
            for part in known:
                if part.stamp == stamp and files.afford(part.cost):
                    return self._keep(Site(entry, part))
        body = files.body(entry, run.report)
        if body is None:
            return None
        digest = name_of(body)
        for part in known:
            if part.digest == digest and files.afford(part.cost):
                return self._keep(Site(entry, replace(part, stamp=stamp)))
        return self._keep(_parsed(Read(entry, body, digest, stamp), files, make), files)

    def _keep(self, site: Site[Value], files: YamlFiles | None = None) -> Site[Value]:
        """Remember it, unless other files have a part in its problems, or these are too many."""
        self._problems += len(site.part.report)
        shared_fault = files is not None and files.exhausted
        if not shared_fault and (not len(site.part.report) or self._problems <= limits.PROBLEMS):
            self._next[site.entry.relative] = site.part
        return site


def _parsed(read: Read, files: YamlFiles, make: Make[Value]) -> Site[Value]:
    report, before = Report(), files.spent
    secrets = SecretCheck(report)
    document = files.parse(read.entry, read.body, report)
    value = make(document, report, secrets)
    part = Part(
        stamp=read.stamp,
        digest=read.digest,
        cost=files.spent - before,
        report=report,
        uses=secrets.uses,
        value=value,
    )
    return Site(read.entry, part, document)
