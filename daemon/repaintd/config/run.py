"""What all readers of one load share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repaintd.config.files import Tree
    from repaintd.config.problem import Report
    from repaintd.config.secret_check import SecretValues
    from repaintd.config.yaml_files import YamlFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One load.

    Attributes:
        files: counts every YAML file against the limits.
        report: the problems of all files.
        now_ns: when it began, in nanoseconds since 1970.
    """

    tree: Tree
    files: YamlFiles
    report: Report
    secrets: SecretValues
    now_ns: int
