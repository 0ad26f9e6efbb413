"""`templates/<templateId>/` → a template: markup, settings, assets, fingerprint."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from repaintd.config import limits
from repaintd.config.assets import MARKUP, SETTINGS
from repaintd.config.decoding import decode
from repaintd.config.files import Entry, FileRefused, Tree, read_file
from repaintd.config.problem import Problem, unread
from repaintd.config.template_model import TemplateModel, VariableModel
from repaintd.config.texts import TEMPLATE_ID_PATTERN
from repaintd.config.wording import problems_of
from repaintd.core.binding import Origin
from repaintd.core.fingerprint import digest
from repaintd.core.template import MISSING, Asset, Template, Variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.config.assets import AssetReader
    from repaintd.config.problem import Report
    from repaintd.config.yaml_files import YamlFiles

_ID: Final = re.compile(TEMPLATE_ID_PATTERN.removesuffix("$"))
_MISNAMED: Final = "template.yml"
_DEFAULTS: Final = TemplateModel()


class TemplateFolder:
    """Reads one folder; the report says what is wrong with it."""

    def __init__(self, tree: Tree, files: YamlFiles, assets: AssetReader, report: Report) -> None:
        self._tree = tree
        self._files = files
        self._assets = assets
        self._report = report

    def read(self, folder: Entry, known: Mapping[str, Asset]) -> Template | None:
        """The template, with what is the same in *known* from there; None if it is not sound."""
        if not _ID.fullmatch(folder.name):
            message = f"is no template id: it must match {TEMPLATE_ID_PATTERN}; rename the folder"
            self._report.add(Problem(file=folder.relative, message=message))
            return None
        markup = self._markup(folder)
        settings = self._settings(folder)
        assets = self._assets.read(folder, self._report, known)
        if _MISNAMED in assets:
            self._report.add(unread(f"{folder.relative}/{_MISNAMED}"))
        if markup is None or settings is None:
            return None
        return _build(folder, markup, settings, assets)

    def _markup(self, folder: Entry) -> str | None:
        relative = f"{folder.relative}/{MARKUP}"
        try:
            entry = self._tree.entry(relative)
            if entry is None:
                self._report.add(Problem(file=folder.relative, message=f"has no {MARKUP}; add it"))
                return None
            body = read_file(entry.real, limits.TEMPLATE_HTML_BYTES)
        except FileRefused as refused:
            self._report.add(Problem(file=relative, message=str(refused)))
            return None
        return decode(entry, body, self._report)

    def _settings(self, folder: Entry) -> TemplateModel | None:
        relative = f"{folder.relative}/{SETTINGS}"
        try:
            entry = self._tree.entry(relative)
        except FileRefused as refused:
            self._report.add(Problem(file=relative, message=str(refused)))
            return None
        if entry is None:
            return _DEFAULTS
        document = self._files.read(entry, self._report)
        if document is None:
            return None
        if document.value is None:
            return _DEFAULTS
        try:
            return TemplateModel.model_validate(document.value, by_alias=True, by_name=False)
        except ValidationError as error:
            self._report.extend(problems_of(document, error, TemplateModel))
            return None


def _build(
    folder: Entry, markup: str, settings: TemplateModel, assets: Mapping[str, Asset]
) -> Template:
    file = f"{folder.relative}/{MARKUP}"
    return Template(
        id=folder.name,
        name=settings.name or folder.name,
        engine=settings.engine,
        markup=markup,
        width=settings.width,
        height=settings.height,
        scale=settings.scale,
        variables={name: _variable(name, each) for name, each in settings.variables.items()},
        javascript=settings.javascript,
        volatile=settings.volatile,
        strict=settings.strict,
        transparent=settings.transparent,
        assets=assets,
        fingerprint=_fingerprint(markup, settings, assets),
        path=file,
        origin=Origin(file=file, line=1),
    )


def _variable(name: str, model: VariableModel) -> Variable:
    given: Any = model.default if "default" in model.model_fields_set else MISSING
    return Variable(name=name, default=given, description=model.description)


def _fingerprint(markup: str, settings: TemplateModel, assets: Mapping[str, Asset]) -> str:
    """Comments in template.yaml do not count; every byte of every other file does."""
    parts: list[bytes | str] = [markup, settings.model_dump_json()]
    for name in sorted(assets):
        parts += [name, assets[name].body]
    return digest(*parts)
