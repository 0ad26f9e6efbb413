"""Loads a configuration directory once: all of it, or all the reasons why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repaintd.config.loader import NO_SETTINGS, Loader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from repaintd.config.configuration import Configuration
    from repaintd.config.templates import CheckTemplates
    from repaintd.plugin import SourceSpec, SpecModel


def load_configuration(
    directory: Path,
    *,
    source_specs: Mapping[str, type[SourceSpec]],
    settings_models: Mapping[str, type[SpecModel]] = NO_SETTINGS,
    check_templates: CheckTemplates | None = None,
    output_dir: Path | None = None,
    state_dir: Path | None = None,
    environ: Mapping[str, str],
) -> Configuration:
    """Read and check everything below *directory*, as a `Loader` does that is used once; blocks.

    The arguments are those of the `Loader`.

    Raises:
        ConfigurationError: with all problems of all files, warnings among them.
    """
    loader = Loader(
        directory,
        source_specs=source_specs,
        settings_models=settings_models,
        check_templates=check_templates,
        output_dir=output_dir,
        state_dir=state_dir,
        environ=environ,
    )
    return loader.load()
