"""`bindings/**/*.yaml` → bindings, each file judged for itself, then all of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from repaintd.config import limits
from repaintd.config.bindings import BindingReader, FileBindings, Item
from repaintd.config.file_cache import FileCache
from repaintd.config.files import Entry, FileRefused, Tree
from repaintd.config.problem import Problem, unread
from repaintd.config.sharing import Shared
from repaintd.config.uids import Uids

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from repaintd.config.binding_checks import Rules
    from repaintd.config.document import Document
    from repaintd.config.part import Part, Site
    from repaintd.config.problem import Report
    from repaintd.config.run import Run
    from repaintd.config.secret_check import SecretCheck
    from repaintd.core.binding import Binding

_FOLDER: Final = "bindings"
_SHARED_MOST: Final = 10_000


class BindingFiles:
    """Remembers the files of earlier loads."""

    def __init__(self) -> None:
        self._cache: FileCache[FileBindings] = FileCache()
        self._shared = Shared()
        self._shared_most = _SHARED_MOST

    def load(self, run: Run, rules: Rules) -> Mapping[str, Binding]:
        """The bindings of all files by uid, in their order; the report says what is wrong."""
        report = run.report
        uids = Uids(report)
        self._cache.begin()
        self._prepare_sharing(rules)
        for entry in _entries(run.tree, report):
            site = self._read(entry, run, rules)
            if site is not None:
                uids.take(site)
                run.secrets.check(site)
                report.adopt(site.part.report)
        rules.sound_paths.clear()
        if not uids.bindings and not report.failed:
            message = "there are no bindings: nothing will be drawn; add a file with `bindings:`"
            report.add(Problem(file=_FOLDER, message=message, severity="warning"))
        return dict(sorted(uids.bindings.items()))

    def end(self, *, succeeded: bool) -> None:
        """Forget what the load has not met, unless it failed."""
        self._cache.end(succeeded=succeeded)

    def _read(self, entry: Entry, run: Run, rules: Rules) -> Site[FileBindings] | None:
        known = self._cache.known(entry, lambda value: value.holds(rules))

        def make(document: Document | None, report: Report, secrets: SecretCheck) -> FileBindings:
            reader = BindingReader(rules, self._shared, report, secrets, _items(known))
            return reader.read(document)

        return self._cache.read(entry, run, known, make)

    def _prepare_sharing(self, rules: Rules) -> None:
        """Begin anew when much was shared by bindings that are gone, or by other rules."""
        outgrown = len(self._shared) > self._shared_most
        if outgrown or self._shared.min_ttl_seconds != rules.min_ttl_seconds:
            self._shared = Shared(rules.min_ttl_seconds)


def _items(known: Sequence[Part[FileBindings]]) -> dict[str, Item]:
    return {item.uid: item for part in reversed(known) for item in part.value.items if item.digest}


def _entries(tree: Tree, report: Report) -> Iterator[Entry]:
    try:
        root = tree.entry(_FOLDER)
    except FileRefused as refused:
        report.add(Problem(file=_FOLDER, message=str(refused)))
        return
    count = 0
    for entry in tree.walk(root, report) if root is not None else ():
        if entry.name.endswith(".yml"):
            report.add(unread(entry.relative))
        if not entry.name.endswith(".yaml"):
            continue
        count += 1
        if count > limits.BINDING_FILES:
            message = f"is one of more than {limits.BINDING_FILES:,} files; put bindings together"
            report.add(Problem(file=entry.relative, message=message))
            return
        yield entry
