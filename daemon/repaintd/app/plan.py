"""What a configuration would change: `repaintd plan`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from repaintd.app.reloading import needs_restart
from repaintd.core.difference import compare
from repaintd.core.secret import MASK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from repaintd.app.plan_baseline import Baseline
    from repaintd.core.difference import BindingChange, Difference

TEMPLATE: Final = "template"
VALUES: Final = 1_000
"""Changed bindings whose values are looked up; names of what changed are there for all."""
_TEXT: Final = 80
_STEP: Final = re.compile(r'\.?([\w-]+)|\["([^"]*)"\]')


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """Something that changed, with what it was and what it would be where that may be shown.

    Attributes:
        name: dotted, as in YAML.
        before: as JSON, shortened; "" where there is nothing, or nothing to show.
        restart: whether a running daemon takes it over at its next start only.
    """

    name: str
    before: str = ""
    after: str = ""
    restart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedBinding:
    """A binding that would be another one.

    Attributes:
        values: what would change; `template` where the content of its template would.
        redrawn: its image may show something else.
        refetched: something else is asked for, or of somebody else.
    """

    uid: str
    template_id: str
    values: tuple[Value, ...]
    redrawn: bool
    refetched: bool

    @property
    def by_template(self) -> bool:
        """Whether nothing but its template changes."""
        return [value.name for value in self.values] == [TEMPLATE]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedTemplate:
    """A template that would be another one.

    Attributes:
        change: `added`, `changed` or `removed`.
        bindings: the uids of those that use it afterwards, before where it is removed.
    """

    id: str
    change: str
    bindings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingInBrief:
    """A binding that would be added or removed."""

    uid: str
    template_id: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that would change, in order.

    Attributes:
        against: what was compared with, in words.
        kind: `directory`, `revision` or `daemon`.
        bindings: how many there would be.
    """

    against: str
    kind: str
    difference: Difference
    bindings: int
    added: tuple[BindingInBrief, ...]
    changed: tuple[ChangedBinding, ...]
    removed: tuple[BindingInBrief, ...]
    templates: tuple[ChangedTemplate, ...]
    settings: tuple[Value, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing would change."""
        return self.difference.empty

    @property
    def counts(self) -> dict[str, int]:
        """How many of what."""
        return {
            "bindings": self.bindings,
            "added": len(self.added),
            "changed": len(self.changed),
            "removed": len(self.removed),
            "redrawn": sum(each.redrawn for each in self.changed),
            "refetched": sum(each.refetched for each in self.changed),
            "templates": len(self.templates),
            "settings": len(self.settings),
            "restartNeeded": sum(each.restart for each in self.settings),
        }


def make_plan(baseline: Baseline) -> Plan:
    """Compare the two sides."""
    before, after = baseline.before.declared, baseline.after.declared
    difference = compare(before, after)
    return Plan(
        against=baseline.title,
        kind=baseline.kind,
        difference=difference,
        bindings=len(after.bindings),
        added=tuple(_brief(uid, after.bindings) for uid in difference.added),
        changed=tuple(_changed(baseline, difference)),
        removed=tuple(_brief(uid, before.bindings) for uid in difference.removed),
        templates=tuple(_templates(baseline, difference)),
        settings=tuple(_setting(baseline, key) for key in difference.settings),
    )


def _brief(uid: str, bindings: Mapping[str, Any]) -> BindingInBrief:
    binding = bindings[uid]
    return BindingInBrief(uid=uid, template_id=binding.template_id, source=binding.source.type)


def _changed(baseline: Baseline, difference: Difference) -> Iterator[ChangedBinding]:
    left = VALUES
    for change in difference.changed:
        shown = left > 0 and change.fields != (TEMPLATE,)
        left -= shown
        values = _values(baseline, change) if shown else _names(change)
        yield ChangedBinding(
            uid=change.uid,
            template_id=baseline.after.declared.bindings[change.uid].template_id,
            values=tuple(values),
            redrawn=change.redrawn,
            refetched=change.refetched,
        )


def _names(change: BindingChange) -> Iterator[Value]:
    return (Value(name=name) for name in change.fields)


def _values(baseline: Baseline, change: BindingChange) -> Iterator[Value]:
    old, new = baseline.before.binding(change.uid), baseline.after.binding(change.uid)
    for name in change.fields:
        before, after = _shown(_at(old, name), _at(new, name))
        yield Value(name=name, before=before, after=after)


def _setting(baseline: Baseline, key: str) -> Value:
    before, after = _shown(baseline.before.setting(key), baseline.after.setting(key))
    return Value(name=key, before=before, after=after, restart=needs_restart(key))


def _at(document: Any, name: str) -> Any:
    """What stands in a document under a dotted name of `core.difference`; None if nothing does."""
    for plain, quoted in _STEP.findall(name):
        if not isinstance(document, dict):
            return None
        document = document.get(plain or quoted)
    return document


def _shown(before: Any, after: Any) -> tuple[str, str]:
    """Both as text; nothing where what differs cannot be seen, or is too long to be looked at."""
    old, new = _text(before), _text(after)
    return ("", "") if old == new else (old, new)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if value == MASK:
        return MASK
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}…"


def _templates(baseline: Baseline, difference: Difference) -> Iterator[ChangedTemplate]:
    before, after = baseline.before.declared, baseline.after.declared
    touched = frozenset(difference.templates)
    users: dict[str, list[str]] = {each: [] for each in difference.templates}
    for bindings, templates in ((after.bindings, after.templates), (before.bindings, None)):
        for uid, binding in bindings.items():
            of = binding.template_id
            if of in touched and (of in after.templates) == (templates is not None):
                users[of].append(uid)
    for key in difference.templates:
        change = "changed" if key in before.templates and key in after.templates else ""
        change = change or ("added" if key in after.templates else "removed")
        yield ChangedTemplate(id=key, change=change, bindings=tuple(sorted(users[key])))
