"""From a directory to a checked configuration, with what plugins and templates have to say."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from repaintd.config import Configuration, Loader, TemplateProblem
from repaintd.config.signature import tree_signature
from repaintd.core.fingerprint import digest
from repaintd.registry import PluginRecord, discover
from repaintd.registry.discovery import settings_models, source_specs
from repaintd.render.check import check_templates as engine_findings
from repaintd.render.fonts import shared_assets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from repaintd.core.template import Asset, Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says; None leaves it to environment and configuration.

    Attributes:
        allow_empty: a configuration without bindings means it, and their images may go.
    """

    directory: Path
    output_dir: Path | None = None
    state_dir: Path | None = None
    allow_empty: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration that is valid, and the plugins it was checked with.

    Attributes:
        templates: as they are drawn, with the fonts that come with the daemon.
        tree: what it was loaded from, and can be loaded from again.
        signature: of the tree, taken before it was read.
    """

    configuration: Configuration
    records: tuple[PluginRecord, ...]
    templates: Mapping[str, Template]
    tree: ConfigurationTree
    signature: bytes
    allow_empty: bool = False


class ConfigurationTree:
    """Implements `runtime.reload.Tree`: the directory, and what was made of it the last time."""

    def __init__(self, options: Options, *, check_templates: bool = True) -> None:
        self.directory = options.directory
        self._allow_empty = options.allow_empty
        self._records = discover()
        self._loader = Loader(
            options.directory,
            source_specs=source_specs(self._records),
            settings_models=settings_models(self._records),
            check_templates=_problems if check_templates else None,
            output_dir=options.output_dir,
            state_dir=options.state_dir,
            environ=options.environ,
        )
        self._plain: Mapping[str, Template] = {}
        self._dressed: Mapping[str, Template] = {}

    def signature(self) -> bytes:
        """Changes when anything does that a load would read; blocks, never fails."""
        return tree_signature(self.directory)

    def load(self) -> Loaded:
        """Read and check everything that changed since the last time; blocks.

        Raises:
            ConfigurationError: with all problems of all files.
        """
        signature = self.signature()
        configuration = self._loader.load()
        return Loaded(
            configuration=configuration,
            records=self._records,
            templates=self._dress(configuration.templates),
            tree=self,
            signature=signature,
            allow_empty=self._allow_empty,
        )

    def _dress(self, templates: Mapping[str, Template]) -> Mapping[str, Template]:
        """With fonts; what is the same template as the last time is the same object again."""
        new = {key: each for key, each in templates.items() if self._plain.get(key) is not each}
        fresh = with_fonts(new, shared_assets()) if new else {}
        self._dressed = {key: fresh.get(key) or self._dressed[key] for key in templates}
        self._plain = templates
        return self._dressed


def load(options: Options, *, check_templates: bool = True) -> Loaded:
    """Read and check everything.

    Raises:
        ConfigurationError: with all problems of all files.
    """
    return ConfigurationTree(options, check_templates=check_templates).load()


def with_fonts(
    templates: Mapping[str, Template], fonts: Mapping[str, Asset]
) -> dict[str, Template]:
    """Let every template see the fonts that come with the daemon; other fonts, other images."""
    name = digest(*(part for path in sorted(fonts) for part in (path, fonts[path].body)))
    return {
        key: replace(
            template,
            assets={**fonts, **template.assets},
            fingerprint=digest(template.fingerprint, name),
        )
        for key, template in templates.items()
    }


def _problems(templates: Sequence[Template]) -> Sequence[Sequence[TemplateProblem]]:
    return [
        [
            TemplateProblem(
                line=each.line,
                column=each.column,
                message=each.message,
                severity=each.severity,
                file=each.file,
            )
            for each in findings
        ]
        for findings in engine_findings(templates)
    ]
