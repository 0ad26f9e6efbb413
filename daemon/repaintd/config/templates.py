"""`templates/` → templates; folders that an earlier load has read are not read again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from repaintd.config import limits
from repaintd.config.assets import AssetReader
from repaintd.config.files import Entry, FileRefused
from repaintd.config.problem import Problem, Report, TemplateProblem
from repaintd.config.stamps import stamp_of
from repaintd.config.template_folder import TemplateFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from repaintd.config.run import Run
    from repaintd.config.stamps import Stamp
    from repaintd.config.yaml_files import Cost
    from repaintd.core.template import Asset, Template

    CheckTemplates = Callable[[Sequence[Template]], Sequence[Sequence[TemplateProblem]]]

_FOLDER: Final = "templates"
_NO_ASSETS: Final[Mapping[str, Asset]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPart:
    """What one template folder gave.

    Attributes:
        stamps: of all its files; None where they told nothing.
        cost: of its YAML.
        size: of its assets.
        report: the problems of its files.
        findings: of the template engine.
    """

    stamps: Mapping[str, Stamp] | None
    cost: Cost
    size: int
    report: Report
    template: Template | None
    findings: tuple[Problem, ...] | None = None


@dataclass(frozen=True, slots=True)
class TemplateCache:
    """The folders of the latest load, and of the latest that succeeded."""

    latest: dict[str, FolderPart] = field(default_factory=dict)
    sound: dict[str, FolderPart] = field(default_factory=dict)

    def known(self, folder: Entry) -> list[FolderPart]:
        """What earlier loads made of the folder."""
        parts = (self.latest.get(folder.relative), self.sound.get(folder.relative))
        return [each for each in parts if each is not None]

    def end(self, found: Mapping[str, FolderPart], *, succeeded: bool) -> None:
        """Forget what the load has not met, unless it failed."""
        for kept in (self.latest, self.sound) if succeeded else (self.latest,):
            kept.clear()
            kept.update(found)


class TemplateReader:
    """Reads all template folders.

    Attributes:
        ids: names of all folders seen, of broken ones too: whoever names one is not to blame.
        parts: what each folder gave, to be remembered.
    """

    def __init__(self, run: Run, check: CheckTemplates | None, cache: TemplateCache) -> None:
        self.ids: frozenset[str] = frozenset()
        self.parts: dict[str, FolderPart] = {}
        self._run = run
        self._tree, self._files, self._report = run.tree, run.files, run.report
        self._check = check
        self._cache = cache
        self._assets = AssetReader(run.tree)

    def read(self) -> dict[str, Template]:
        """The sound templates by id; the report says what is wrong with the others."""
        folders = self._folders()
        self.ids = frozenset(folder.name for folder in folders)
        if len(folders) > limits.TEMPLATES:
            message = f"holds more than {limits.TEMPLATES:,} folders; remove some"
            self._report.add(Problem(file=_FOLDER, message=message))
            return {}
        parts = self._checked({folder.relative: self._part(folder) for folder in folders})
        problems = 0
        for relative, part in parts.items():
            self._report.adopt(part.report)
            self._report.extend(part.findings or ())
            problems += len(part.report) + len(part.findings or ())
            if problems <= limits.PROBLEMS and not self._files.exhausted:
                self.parts[relative] = part
        found = (part.template for part in parts.values())
        return {template.id: template for template in found if template is not None}

    def _folders(self) -> list[Entry]:
        try:
            root = self._tree.entry(_FOLDER)
        except FileRefused as refused:
            self._report.add(Problem(file=_FOLDER, message=str(refused)))
            return []
        listing = [] if root is None else self._tree.listing(root, self._report)
        return [entry for entry, is_folder in listing if is_folder]

    def _part(self, folder: Entry) -> FolderPart:
        stamps, known = self._stamps(folder), self._cache.known(folder)
        if stamps is not None:
            for part in known:
                if part.stamps == stamps and self._affords(part):
                    return part
        return self._read_folder(folder, stamps, known)

    def _affords(self, part: FolderPart) -> bool:
        return self._assets.afford(part.size) and self._files.afford(part.cost)

    def _stamps(self, folder: Entry) -> dict[str, Stamp] | None:
        """The stamps of all files in *folder*; None where one of them tells nothing."""
        report, found = Report(), {}
        for entry in self._tree.walk(folder, report):
            stamp = stamp_of(entry.real, self._run.now_ns)
            if stamp is None:
                return None
            found[f"{entry.relative}\0{entry.real}"] = stamp
        return None if len(report) else found

    def _read_folder(
        self, folder: Entry, stamps: Mapping[str, Stamp] | None, known: Sequence[FolderPart]
    ) -> FolderPart:
        report, before = Report(), self._files.spent
        earlier = [part.template for part in known if part.template is not None]
        reader = TemplateFolder(self._tree, self._files, self._assets, report)
        template = reader.read(folder, earlier[0].assets if earlier else _NO_ASSETS)
        part = FolderPart(
            stamps=None if self._assets.exhausted else stamps,
            cost=self._files.spent - before,
            size=sum(len(each.body) for each in template.assets.values()) if template else 0,
            report=report,
            template=template,
        )
        for each in known:
            if each.template is not None and each.template == template:
                return replace(part, template=each.template, findings=each.findings)
        return part

    def _checked(self, parts: Mapping[str, FolderPart]) -> dict[str, FolderPart]:
        """*parts* with what the engine finds wrong with those that it has not seen yet."""
        unseen = [
            part.template
            for part in parts.values()
            if part.template is not None and part.findings is None
        ]
        if self._check is None or not unseen:
            return dict(parts)
        found = dict(zip((template.id for template in unseen), self._check(unseen), strict=True))
        return {
            relative: part
            if part.template is None or part.findings is not None
            else replace(part, findings=_findings(part.template, found[part.template.id]))
            for relative, part in parts.items()
        }


def _findings(template: Template, found: Iterable[TemplateProblem]) -> tuple[Problem, ...]:
    folder = template.path.rpartition("/")[0]
    return tuple(
        Problem(
            file=f"{folder}/{each.file}",
            line=each.line,
            column=each.column or 1,
            message=each.message,
            severity=each.severity,
        )
        for each in found
    )
