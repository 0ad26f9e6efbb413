"""A whole, sound configuration, as the rest of the daemon works with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from repaintd.config.problem import Problem
    from repaintd.config.settings import Settings
    from repaintd.core.binding import Binding
    from repaintd.core.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What one load found. Nothing in it is ever changed: equal parts are shared.

    Attributes:
        directory: the configuration directory, as it was given.
        output_path: absolute directory of the stable files.
        state_path: absolute directory of the state database.
        bindings: by uid, in their order.
        templates: by id, in their order.
        warnings: doubts that do not keep the configuration from being used.
    """

    directory: Path
    output_path: Path
    state_path: Path
    settings: Settings
    bindings: Mapping[str, Binding]
    templates: Mapping[str, Template]
    warnings: tuple[Problem, ...] = ()
