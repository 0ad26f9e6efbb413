"""Loads a configuration directory again and again: only what has changed is read anew."""

from __future__ import annotations

import time
from contextlib import nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from repaintd.config.binding_checks import Rules
from repaintd.config.binding_files import BindingFiles
from repaintd.config.collector import collector_at_rest
from repaintd.config.configuration import Configuration
from repaintd.config.directories import output_path, state_path
from repaintd.config.file_cache import FileCache
from repaintd.config.files import Tree
from repaintd.config.problem import Report
from repaintd.config.run import Run
from repaintd.config.secret_check import SecretCheck, SecretValues
from repaintd.config.secrets import secret_resolver
from repaintd.config.settings_reader import SettingsReader, settings_entry
from repaintd.config.sources import BUILT_IN
from repaintd.config.templates import TemplateCache, TemplateReader
from repaintd.config.yaml_files import YamlFiles
from repaintd.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from repaintd.config.document import Document
    from repaintd.config.settings import Settings
    from repaintd.config.templates import CheckTemplates
    from repaintd.core.binding import Binding
    from repaintd.core.template import Template
    from repaintd.plugin import SourceSpec, SpecModel

NO_SETTINGS: Final[Mapping[str, type[SpecModel]]] = MappingProxyType({})


class Loader:
    """Remembers what it made of each file, for as long as file and rules stay the same.

    Neither texts nor parsed documents are kept. What is the same in two loads is the same object
    in both configurations: bindings, templates, settings. It is used by one thread at a time.
    """

    def __init__(
        self,
        directory: Path,
        *,
        source_specs: Mapping[str, type[SourceSpec]],
        settings_models: Mapping[str, type[SpecModel]] = NO_SETTINGS,
        check_templates: CheckTemplates | None = None,
        output_dir: Path | None = None,
        state_dir: Path | None = None,
        environ: Mapping[str, str],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Nothing is read yet.

        Args:
            directory: the configuration directory.
            source_specs: spec model by `dataSource.type`, as plugins bring them; `static` and
                `webhook` are built in.
            settings_models: settings model by plugin name.
            check_templates: what a template engine finds wrong with each of the templates; asked
                of those that changed.
            output_dir: overrides environment and setting.
            state_dir: overrides environment and setting.
            environ: the process's environment.
            clock_ns: nanoseconds since 1970, by the clock of the file system.
        """
        self._directory = directory
        self._source_specs = {**BUILT_IN, **source_specs}
        self._settings_models = settings_models
        self._check_templates = check_templates
        self._output_dir = output_dir
        self._state_dir = state_dir
        self._environ = environ
        self._clock_ns = clock_ns
        self._settings: FileCache[Settings] = FileCache()
        self._templates = TemplateCache()
        self._bindings = BindingFiles()
        self._begun = False

    def load(self) -> Configuration:
        """Read and check what has changed below the directory, and check it all together; blocks.

        Garbage is not collected during the first load; during later ones it is, for then the
        thread that serves has some.

        Raises:
            ConfigurationError: with all problems of all files, warnings among them. What was
                sound is remembered nevertheless.
        """
        with nullcontext() if self._begun else collector_at_rest():
            self._begun = True
            return self._load()

    def _load(self) -> Configuration:
        report = Report()
        run = Run(
            tree=Tree(self._directory),
            files=YamlFiles(),
            report=report,
            secrets=SecretValues(secret_resolver(self._environ), report),
            now_ns=self._clock_ns(),
        )
        settings = self._load_settings(run)
        reader = TemplateReader(run, self._check_templates, self._templates)
        templates = reader.read()
        rules = Rules(
            source_specs=self._source_specs,
            templates=reader.ids,
            min_ttl_seconds=settings.refresh.min_ttl_seconds,
            freshness=settings.freshness.plain(),
        )
        bindings = self._bindings.load(run, rules)
        succeeded = not report.failed
        self._settings.end(succeeded=succeeded)
        self._templates.end(reader.parts, succeeded=succeeded)
        self._bindings.end(succeeded=succeeded)
        return self._configuration(settings, templates, bindings, report)

    def _load_settings(self, run: Run) -> Settings:
        def make(document: Document | None, report: Report, secrets: SecretCheck) -> Settings:
            return SettingsReader(self._settings_models, report, secrets).read(document)

        self._settings.begin()
        entry = settings_entry(run.tree, run.report)
        site = None
        if entry is not None:
            known = self._settings.known(entry, lambda _: True)
            site = self._settings.read(entry, run, known, make)
        if site is None:
            return make(None, run.report, SecretCheck(run.report))
        run.secrets.check(site)
        run.report.adopt(site.part.report)
        return site.part.value

    def _configuration(
        self,
        settings: Settings,
        templates: Mapping[str, Template],
        bindings: Mapping[str, Binding],
        report: Report,
    ) -> Configuration:
        problems = report.problems()
        if report.failed:
            raise ConfigurationError(problems)
        directory, environ = self._directory, self._environ
        return Configuration(
            directory=directory,
            output_path=output_path(directory, settings, self._output_dir, environ),
            state_path=state_path(directory, settings, self._state_dir, environ),
            settings=settings,
            bindings=bindings,
            templates=templates,
            warnings=problems,
        )
