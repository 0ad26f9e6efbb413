"""Loads a configuration directory: all of it, or all the reasons why not."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from repaintd.config import limits
from repaintd.config.binding_checks import Rules
from repaintd.config.bindings import BindingReader
from repaintd.config.configuration import Configuration
from repaintd.config.directories import output_path, state_path
from repaintd.config.files import Entry, FileRefused, Tree
from repaintd.config.problem import Problem, Report, unread
from repaintd.config.secret_check import SecretCheck
from repaintd.config.secrets import SecretResolver
from repaintd.config.settings_reader import SettingsReader
from repaintd.config.sources import BUILT_IN
from repaintd.config.templates import TemplateReader
from repaintd.config.yaml_files import YamlFiles
from repaintd.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from repaintd.config.templates import CheckTemplates
    from repaintd.core.binding import Binding
    from repaintd.plugin import SourceSpec, SpecModel

_BINDINGS: Final = "bindings"
_NO_SETTINGS: Final[Mapping[str, type[SpecModel]]] = MappingProxyType({})


def load_configuration(
    directory: Path,
    *,
    source_specs: Mapping[str, type[SourceSpec]],
    settings_models: Mapping[str, type[SpecModel]] = _NO_SETTINGS,
    check_templates: CheckTemplates | None = None,
    output_dir: Path | None = None,
    state_dir: Path | None = None,
    environ: Mapping[str, str],
) -> Configuration:
    """Read and check everything below *directory*; blocks while it does.

    Args:
        directory: the configuration directory.
        source_specs: spec model by `dataSource.type`, as plugins bring them; `static` and
            `webhook` are built in.
        settings_models: settings model by plugin name.
        check_templates: what a template engine finds wrong with each of the templates.
        output_dir: overrides environment and setting.
        state_dir: overrides environment and setting.
        environ: the process's environment.

    Raises:
        ConfigurationError: with all problems of all files, warnings among them.
    """
    report = Report()
    secrets = SecretCheck(secret_resolver(environ), report)
    tree = Tree(directory)
    with _collector_at_rest():
        files = YamlFiles(report)
        settings = SettingsReader(settings_models, report, secrets).read(tree, files)
        templates = TemplateReader(tree, files, report, check_templates)
        found = templates.read()
        rules = Rules(
            source_specs={**BUILT_IN, **source_specs},
            templates=templates.ids,
            min_ttl_seconds=settings.refresh.min_ttl_seconds,
        )
        bindings = _bindings(tree, files, BindingReader(rules, report, secrets), report)
    problems = report.problems()
    if report.failed:
        raise ConfigurationError(problems)
    return Configuration(
        directory=directory,
        output_path=output_path(directory, settings, output_dir, environ),
        state_path=state_path(directory, settings, state_dir, environ),
        settings=settings,
        bindings=bindings,
        templates=found,
        warnings=problems,
    )


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Millions of new objects and no garbage among them: the collector would only look for it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def secret_resolver(environ: Mapping[str, str]) -> SecretResolver:
    """Resolves references by *environ*, credentials in systemd's $CREDENTIALS_DIRECTORY."""
    directory = environ.get("CREDENTIALS_DIRECTORY")
    return SecretResolver(environ, Path(directory) if directory else None)


def _bindings(
    tree: Tree, files: YamlFiles, reader: BindingReader, report: Report
) -> Mapping[str, Binding]:
    for entry in _binding_files(tree, report):
        document = files.read(entry)
        if document is not None:
            reader.read(document)
    if not reader.bindings and not report.failed:
        message = "there are no bindings: nothing will be drawn; add a file with `bindings:`"
        report.add(Problem(file=_BINDINGS, message=message, severity="warning"))
    return dict(sorted(reader.bindings.items()))


def _binding_files(tree: Tree, report: Report) -> Iterator[Entry]:
    try:
        root = tree.entry(_BINDINGS)
    except FileRefused as refused:
        report.add(Problem(file=_BINDINGS, message=str(refused)))
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
