"""From a directory to a checked configuration, with what plugins and templates have to say."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from repaintd.config import Configuration, TemplateProblem, load_configuration
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
    """A configuration that is valid, and the plugins it was checked with."""

    configuration: Configuration
    records: tuple[PluginRecord, ...]
    templates: Mapping[str, Template]
    allow_empty: bool = False


def load(options: Options, *, check_templates: bool = True) -> Loaded:
    """Read and check everything.

    Raises:
        ConfigurationError: with all problems of all files.
    """
    records = discover()
    configuration = load_configuration(
        options.directory,
        source_specs=source_specs(records),
        settings_models=settings_models(records),
        check_templates=_problems if check_templates else None,
        output_dir=options.output_dir,
        state_dir=options.state_dir,
        environ=options.environ,
    )
    templates = with_fonts(configuration.templates, shared_assets())
    return Loaded(
        configuration=configuration,
        records=records,
        templates=templates,
        allow_empty=options.allow_empty,
    )


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
