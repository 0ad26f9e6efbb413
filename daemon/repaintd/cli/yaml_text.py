"""Data as YAML that reads back the same, by the rules of YAML 1.2 and of older readers."""

from __future__ import annotations

from typing import Any

import yaml

from repaintd.config.yaml_scalars import ScalarRefused, plain


class _Dumper(yaml.SafeDumper):
    """PyYAML quotes what YAML 1.1 takes for more than text; this also what YAML 1.2 does."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def yaml_text(document: Any) -> str:
    """*document* as block YAML, keys in their order, with a line break at the end."""
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000
    )
    return text


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None if _is_text(value) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _is_text(value: str) -> bool:
    try:
        return plain(value) == value
    except ScalarRefused:
        return False


_Dumper.add_representer(str, _text)
