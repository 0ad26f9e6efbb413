"""A plan as a comment of a pull request: short first, the rest folded, never too long for it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from repaintd.cli.plans.page import Page
from repaintd.cli.plans.report import consequences, counted, headline, percent
from repaintd.config.problem import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from repaintd.app.plan import BindingInBrief, ChangedBinding, ChangedTemplate, Plan, Value
    from repaintd.app.plan_pictures import Gallery, Picture, Views
    from repaintd.cli.plans.report import PlanReport
    from repaintd.config import Problem

WIDTH: Final = 280
"""CSS pixels of a picture: three of them stand side by side in a comment."""
OPEN: Final = 6
"""Bindings whose pictures are seen at once; the others are folded."""
_NAMED: Final = 20
_KILO: Final = 1000
_MARKS: Final = str.maketrans({"|": "&#124;", "`": "&#96;", "@": "&#64;", "\\": "&#92;"})


def markdown(report: PlanReport) -> str:
    """Headline, pictures, then tables of all that changes."""
    plan, page = report.plan, Page()
    page.add(f"### repaintd plan: {headline(plan)}\n\n{_summary(plan)}\n")
    _settings(page, plan.settings)
    if report.gallery is not None:
        _gallery(page, report.gallery, report.pictures)
    _table(page, "Added", ("Binding", "Template", "Source"), map(_brief, plan.added))
    _table(page, "Removed", ("Binding", "Template", "Source"), map(_brief, plan.removed))
    own = [each for each in plan.changed if not each.by_template]
    _table(page, "Changed", ("Binding", "What changes", "Then"), map(_changed, own))
    headings = ("Template", "Change", "Bindings")
    _table(page, "Templates", headings, map(_template, plan.templates))
    return page.text()


def invalid_markdown(problems: Sequence[Problem]) -> str:
    """The problems, as `check` says them."""
    page = Page()
    page.add(f"### repaintd plan: the configuration is not valid\n\n{len(problems)} problem(s):\n")
    rows = ((f"{p.file}:{p.line}:{p.column}", p.path, p.message) for p in problems)
    _table(page, "", ("Place", "Key", "Problem"), (tuple(map(_code, row)) for row in rows))
    return page.text()


def _summary(plan: Plan) -> str:
    then = consequences(plan)
    lines = [f"Compared with {_code(plan.against)}", f"{then[:1].upper()}{then[1:]}"]
    lines.append(f"{counted(plan.bindings, 'binding')} afterwards")
    return "".join(f"{line}. " for line in lines if line).rstrip()


def _settings(page: Page, settings: Sequence[Value]) -> None:
    rows = (
        (_code(each.name), _values((each,), names=False), "restart" if each.restart else "reload")
        for each in settings
    )
    _table(page, "Settings", ("Setting", "Change", "Taken over by"), rows)


def _table(
    page: Page, title: str, headings: Sequence[str], rows: Iterator[tuple[str, ...]]
) -> None:
    lines = [f"| {' | '.join(row)} |\n" for row in rows]
    if not lines:
        return
    head = f"| {' | '.join(headings)} |\n|{' --- |' * len(headings)}\n"
    if title:
        summary = f"{title} ({len(lines):,})"
        page.add_rows(f"\n<details><summary>{summary}</summary>\n\n{head}", lines, "\n</details>\n")
    else:
        page.add_rows(f"\n{head}", lines, "")


def _brief(binding: BindingInBrief) -> tuple[str, ...]:
    return _code(binding.uid), _code(binding.template_id), _code(binding.source)


def _changed(binding: ChangedBinding) -> tuple[str, ...]:
    then = [
        words
        for applies, words in ((binding.refetched, "fetched anew"), (binding.redrawn, "redrawn"))
        if applies
    ]
    return _code(binding.uid), _values(binding.values), ", ".join(then) or "not redrawn"


def _values(values: Sequence[Value], *, names: bool = True) -> str:
    return "<br>".join(_value(each, named=names) for each in values)


def _value(value: Value, *, named: bool) -> str:
    name = _code(value.name) if named else ""
    if not (value.before or value.after):
        return name or "(not shown)"
    old, new = (_code(each) if each else "(none)" for each in (value.before, value.after))
    return f"{name}{': ' * named}{old} → {new}"


def _template(template: ChangedTemplate) -> tuple[str, ...]:
    names = [_code(uid) for uid in template.bindings[:_NAMED]]
    if len(template.bindings) > _NAMED:
        names.append(f"and {len(template.bindings) - _NAMED:,} more")
    return _code(template.id), template.change, ", ".join(names) or "none"


def _gallery(page: Page, gallery: Gallery, base: str) -> None:
    if gallery.views:
        page.add("\n#### Pictures\n")
    for number, views in enumerate(gallery.views):
        page.add(_views(views, base, unfolded=number < OPEN))
    if gallery.undrawn:
        page.add(f"\n{len(gallery.undrawn):,} more are affected, and were not drawn.\n")


def _views(views: Views, base: str, *, unfolded: bool) -> str:
    said = percent(views.share) if views.share is not None else ""
    title = ", ".join(filter(None, (f"<b>{_code(views.uid)}</b> {views.change}", said)))
    lines = [f"\n<details{' open' * unfolded}><summary>{title}</summary>\n"]
    if views.before is not None or views.after is not None:
        lines += ["| Before | After | Difference |", "| --- | --- | --- |"]
        lines += [_row(_image(base, each, views.uid) for each in _files(views))]
        lines += [_row((_details(views.before), _details(views.after), said))]
    notes = [f"- {_plain(note)}" for note in (*views.notes, *_missing(views))]
    return "\n".join([*lines, *([""] * bool(notes)), *notes, "", "</details>", ""])


def _files(views: Views) -> Iterator[str]:
    for picture in (views.before, views.after):
        yield "" if picture is None else picture.file
    yield views.difference


def _image(base: str, file: str, uid: str) -> str:
    if not file:
        return ""
    url = escape(base + quote(file))
    return f'<a href="{url}"><img src="{url}" width="{WIDTH}" alt="{escape(uid)}"></a>'


def _details(picture: Picture | None) -> str:
    if picture is None:
        return ""
    facts = [f"{picture.width} by {picture.height}", picture.format, _size(picture.size)]
    return f"{', '.join(filter(None, facts))}<br>from {_plain(picture.origin)}"


def _missing(views: Views) -> Iterator[str]:
    names = views.after.missing if views.after is not None else ()
    if names:
        yield f"without a value: {', '.join(names)}"


def _size(size: int | None) -> str:
    if size is None:
        return ""
    return f"{size / _KILO:,.1f} kB" if size >= _KILO else f"{size} bytes"


def _row(cells: Sequence[str] | Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    return f"<code>{_plain(text)}</code>" if text else ""


def _plain(text: str) -> str:
    """Text that is no mark-up, whatever stands in it."""
    return escape(visible(text), quote=False).translate(_MARKS)
