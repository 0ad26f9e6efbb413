"""A plan as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from repaintd.config.problem import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from repaintd.app.plan import BindingInBrief, Plan, Value
    from repaintd.app.plan_pictures import Picture, Views
    from repaintd.cli.plans.report import PlanReport
    from repaintd.config import Problem


def as_json(report: PlanReport) -> str:
    """The whole plan, however long, and the pictures by binding."""
    document = {"valid": True, **_plan(report.plan)}
    gallery = report.gallery
    if gallery is not None:
        document["pictures"] = [_views(each) for each in gallery.views]
        document["notDrawn"] = list(gallery.undrawn)
    return json.dumps(document, indent=2, ensure_ascii=False)


def invalid_json(problems: Sequence[Problem]) -> str:
    """As `check` says it."""
    rows = [{**asdict(problem), "message": visible(problem.message)} for problem in problems]
    return json.dumps({"valid": False, "problems": rows}, indent=2, ensure_ascii=False)


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "against": plan.against,
        "kind": plan.kind,
        "changes": not plan.empty,
        "counts": plan.counts,
        "added": [_brief(each) for each in plan.added],
        "changed": [
            {
                "uid": each.uid,
                "redrawn": each.redrawn,
                "refetched": each.refetched,
                "fields": [_value(value) for value in each.values],
            }
            for each in plan.changed
        ],
        "removed": [_brief(each) for each in plan.removed],
        "templates": [
            {"id": each.id, "change": each.change, "bindings": list(each.bindings)}
            for each in plan.templates
        ],
        "settings": [{**_value(each), "restartNeeded": each.restart} for each in plan.settings],
    }


def _brief(binding: BindingInBrief) -> dict[str, str]:
    return {"uid": binding.uid, "templateId": binding.template_id, "type": binding.source}


def _value(value: Value) -> dict[str, str | None]:
    """`before` and `after` are JSON as text, shortened, null where they are not shown."""
    return {"name": value.name, "before": value.before or None, "after": value.after or None}


def _views(views: Views) -> dict[str, Any]:
    return {
        "uid": views.uid,
        "change": views.change,
        "before": _picture(views.before),
        "after": _picture(views.after),
        "difference": views.difference or None,
        "changedPixels": views.share,
        "notes": list(views.notes),
    }


def _picture(picture: Picture | None) -> dict[str, Any] | None:
    return None if picture is None else asdict(picture)
