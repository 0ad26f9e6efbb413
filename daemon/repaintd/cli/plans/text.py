"""A plan for people at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from repaintd.cli.plans.report import consequences, counted, headline, percent
from repaintd.config.problem import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from repaintd.app.plan import BindingInBrief, ChangedBinding, ChangedTemplate, Value
    from repaintd.app.plan_pictures import Gallery, Views
    from repaintd.cli.plans.report import PlanReport

NAMED: Final = 10
"""Bindings of a changed template that are named one by one."""
_COLOURS: Final = {"+": "green", "-": "red", "~": "yellow", "!": "red"}


def text(report: PlanReport) -> str:
    """One line for each thing that changes; bindings that only share a template's, one for all."""
    return "\n".join(map(_coloured, _lines(report)))


def _lines(report: PlanReport) -> Iterator[str]:
    plan = report.plan
    yield f"compared with {plan.against}: {headline(plan)}"
    if consequences(plan):
        yield f"then: {consequences(plan)}"
    yield from (_brief("+", each) for each in plan.added)
    yield from (_brief("-", each) for each in plan.removed)
    for binding in plan.changed:
        if not binding.by_template:
            yield from _changed(binding)
    yield from map(_template, plan.templates)
    yield from map(_setting, plan.settings)
    if report.gallery is not None:
        yield from _pictures(report.gallery)


def _brief(mark: str, binding: BindingInBrief) -> str:
    return f"{mark} {binding.uid}  ({binding.template_id}, {binding.source})"


def _changed(binding: ChangedBinding) -> Iterator[str]:
    what = [
        words
        for applies, words in ((binding.refetched, "fetched anew"), (binding.redrawn, "redrawn"))
        if applies
    ]
    yield f"~ {binding.uid}  {', '.join(what) or 'not redrawn'}"
    for value in binding.values:
        yield f"    {_value(value)}"


def _value(value: Value) -> str:
    if not (value.before or value.after):
        return value.name
    return f"{value.name}: {value.before or '(none)'} → {value.after or '(none)'}"


def _template(template: ChangedTemplate) -> str:
    mark = {"added": "+", "removed": "-"}.get(template.change, "~")
    names = list(template.bindings[:NAMED])
    if len(template.bindings) > NAMED:
        names.append(f"and {len(template.bindings) - NAMED:,} more")
    count = counted(len(template.bindings), "binding")
    return f"{mark} template {template.id}  {count}{': ' * bool(names)}{', '.join(names)}"


def _setting(value: Value) -> str:
    return f"~ setting {_value(value)}{'  needs a restart' * value.restart}"


def _pictures(gallery: Gallery) -> Iterator[str]:
    for views in gallery.views:
        yield from _views(views)
    if gallery.undrawn:
        yield f"not drawn, beyond --limit: {len(gallery.undrawn):,}"


def _views(views: Views) -> Iterator[str]:
    files = [each.file for each in (views.before, views.after) if each is not None]
    files += [views.difference] if views.difference else []
    said = f"{percent(views.share)}  " if views.share is not None else ""
    yield f"picture {views.uid}  {said}{', '.join(files) or 'none'}"
    for note in views.notes:
        yield f"    {note}"


def _coloured(line: str) -> str:
    return click.style(visible(line), fg=_COLOURS.get(line[:1]))
