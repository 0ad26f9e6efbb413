"""What one configuration changes in another: the same answer for reload, events and plan."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final

from repaintd.core.binding import Binding
from repaintd.core.fingerprint import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from repaintd.core.binding import SourceConfig
    from repaintd.core.template import Template

_WRITTEN: Final = {
    "template_id": "templateId",
    "source": "dataSource",
    "refresh": "refreshPolicy",
    "output": "outputConfig",
}
_COMPARED: Final = tuple(
    (each.name, _WRITTEN.get(each.name, each.name))
    for each in fields(Binding)
    if each.name not in {"uid", "origin"}
)
_SHOWN: Final = ("templateId", "mapping", "defaults", "outputConfig")
"""Parts of a binding that decide what its image shows, besides template and data."""
_TEMPLATE: Final = "template"
_UNWRITTEN: Final = frozenset({"insisted"})
"""Attributes that follow from where a thing is written; no keys."""
_DEPTH: Final = 2
"""Keys named one below the other."""
_MOST: Final = 20
"""Names below one key; where more differ, the key alone is named."""
_PLAIN_KEY: Final = re.compile(r"[\w-]{1,80}")
_KEY_CHARACTERS: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a configuration says, as far as it is compared.

    Attributes:
        bindings: by uid.
        templates: by id; equal fingerprints are equal templates.
        settings: dotted key of `repaintd.yaml` → plain value, secrets as references.
    """

    bindings: Mapping[str, Binding]
    templates: Mapping[str, Template]
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingChange:
    """A binding that both configurations have, and that is not the same in them.

    Attributes:
        fields: dotted names as in YAML (`dataSource.url`, `mapping.title`), sorted by their place
            in a binding; `template` where the content of its template changed.
        refetched: something else is asked for, or of somebody else: validators are void.
        redrawn: the image may show something else.
    """

    uid: str
    fields: tuple[str, ...]
    refetched: bool
    redrawn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What becomes of one configuration when another takes its place; all in order.

    Attributes:
        added: uids.
        removed: uids.
        templates: ids of those that changed, appeared or went.
        settings: dotted keys of those that changed, appeared or went.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[BindingChange, ...] = ()
    templates: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether both say the same."""
        return not (self.added or self.removed or self.changed or self.templates or self.settings)


def compare(before: Declared, after: Declared) -> Difference:
    """What *after* changes in *before*.

    Where a thing stands (`origin`) never counts, nor does the order of keys. 1, 1.0 and true
    differ: they are written differently on an image.
    """
    templates = _differing(before.templates, after.templates, _same_template)
    touched = frozenset(templates)
    changed = (
        _change(one, other, other.template_id in touched)
        for uid, one in before.bindings.items()
        if (other := after.bindings.get(uid)) is not None
        and (one is not other or (touched and other.template_id in touched))
    )
    return Difference(
        added=tuple(sorted(after.bindings.keys() - before.bindings.keys())),
        removed=tuple(sorted(before.bindings.keys() - after.bindings.keys())),
        changed=tuple(sorted((each for each in changed if each), key=lambda each: each.uid)),
        templates=templates,
        settings=_differing(before.settings, after.settings, _same),
    )


def _change(one: Binding, other: Binding, template_touched: bool) -> BindingChange | None:
    names: list[str] = []
    for attribute, written in _COMPARED:
        old, new = getattr(one, attribute), getattr(other, attribute)
        if old is not new:
            names += _source(old, new) if attribute == "source" else _below(written, old, new)
    if template_touched and one.template_id == other.template_id:
        names.append(_TEMPLATE)
    if not names:
        return None
    refetched = one.source.fingerprint != other.source.fingerprint
    shown = any(name == _TEMPLATE or name.startswith(_SHOWN) for name in names)
    return BindingChange(
        uid=other.uid, fields=tuple(names), refetched=refetched, redrawn=shown or refetched
    )


def _source(one: SourceConfig, other: SourceConfig) -> list[str]:
    same_request = one.fingerprint == other.fingerprint and one.type == other.type
    if same_request and one.spec == other.spec:
        return []
    found = _below("dataSource", _plain(one.spec), _plain(other.spec))
    return found or ([] if same_request else ["dataSource"])


def _plain(spec: Any) -> Any:
    """A `dataSource` as it is written: by camelCase keys, secrets as references."""
    dump = getattr(spec, "model_dump", None)
    return spec if dump is None else dump(mode="json", by_alias=True)


def _below(name: str, one: Any, other: Any, depth: int = _DEPTH) -> list[str]:
    """The names at or below *name* whose values differ."""
    if _same(one, other):
        return []
    whole = depth == _DEPTH  # what is deeper is written as one text, like an objective
    old, new = _children(one, whole=whole), _children(other, whole=whole)
    if not depth or old is None or new is None:
        return [name]
    found = [
        each
        for key in dict.fromkeys((*old, *new))
        for each in (
            _below(_joined(name, key), old[key], new[key], depth - 1)
            if key in old and key in new
            else [_joined(name, key)]
        )
    ]
    return found if 0 < len(found) <= _MOST else [name]


def _children(value: Any, *, whole: bool) -> Mapping[str, Any] | None:
    if isinstance(value, dict):
        return value
    if is_dataclass(value) and whole:
        return {
            _camel(each.name): getattr(value, each.name)
            for each in fields(value)
            if each.name not in _UNWRITTEN
        }
    return None


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if not one == other:  # noqa: SIM201 (== is what every type defines)
        return False
    # 1 == 1.0 == True, also deep inside.
    return not isinstance(one, bool | int | float | dict | list | tuple) or (
        type(one) is type(other) and canonical(one) == canonical(other)
    )


def _same_template(one: Template, other: Template) -> bool:
    if one is other:
        return True
    return one.fingerprint == other.fingerprint and (bool(one.fingerprint) or one == other)


def _differing(
    before: Mapping[str, Any], after: Mapping[str, Any], same: Callable[[Any, Any], bool]
) -> tuple[str, ...]:
    return tuple(
        key
        for key in _sorted_keys(before, after)
        if key not in before or key not in after or not same(before[key], after[key])
    )


def _sorted_keys(before: Iterable[str], after: Iterable[str]) -> list[str]:
    return sorted({*before, *after})


def _joined(name: str, key: Any) -> str:
    text = str(key)
    if _PLAIN_KEY.fullmatch(text):
        return f"{name}.{text}"
    return f'{name}["{text[:_KEY_CHARACTERS]}"]'


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.title() for each in others)
