"""What a binding is checked against besides its own model: templates, settings, path language."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from repaintd.config.problem import shortened
from repaintd.config.wording import did_you_mean
from repaintd.core.mapping import PathSyntaxError, compile_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from repaintd.config.binding_model import BindingModel
    from repaintd.config.document import Document
    from repaintd.config.problem import Path, Problem
    from repaintd.plugin import SourceSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for all bindings of one load.

    Attributes:
        source_specs: spec model by `dataSource.type`.
        templates: ids of all template folders, of broken ones too.
        min_ttl_seconds: `refresh.minTtlSeconds`.
        sound_paths: mapping paths that have compiled already.
    """

    source_specs: Mapping[str, type[SourceSpec]]
    templates: Collection[str]
    min_ttl_seconds: int
    sound_paths: set[str] = field(default_factory=set)


def check_binding(
    document: Document, at: Path, model: BindingModel, rules: Rules
) -> Iterator[Problem]:
    """The problems of a binding whose form is right."""
    if model.template_id not in rules.templates:
        yield document.problem((*at, "templateId"), _no_template(model.template_id, rules))
    ttl = model.refresh_policy.ttl_seconds
    if ttl is not None and ttl < rules.min_ttl_seconds:
        least = f"must be at least {rules.min_ttl_seconds} (refresh.minTtlSeconds)"
        yield document.problem((*at, "refreshPolicy", "ttlSeconds"), least)
    if model.webhook is None:
        yield from _unreachable(document, at, model)
    if not rules.sound_paths.issuperset(model.mapping.values()):
        yield from _check_paths(document, at, model.mapping, rules)


def _no_template(template_id: str, rules: Rules) -> str:
    hint = did_you_mean(template_id, rules.templates)
    folder = shortened(template_id)
    return f"there is no folder templates/{folder};{hint or ' make it, or name another'}"


def _unreachable(document: Document, at: Path, model: BindingModel) -> Iterator[Problem]:
    """Without `webhook:` no trigger is let in: what waits for one waits for ever."""
    message = "waits for triggers, but without `webhook:` none is let in; add its secret"
    if model.data_source.get("type") == "webhook":
        yield document.problem((*at, "dataSource", "type"), message, severity="warning")
    elif model.refresh_policy.type == "webhook":
        yield document.problem((*at, "refreshPolicy", "type"), message, severity="warning")


def _check_paths(
    document: Document, at: Path, mapping: Mapping[str, str], rules: Rules
) -> Iterator[Problem]:
    for variable, text in mapping.items():
        if text in rules.sound_paths:
            continue
        try:
            if text.strip():
                compile_path(text)
            rules.sound_paths.add(text)
        except PathSyntaxError as error:
            message = f"is no path: {error}, at character {error.position + 1}; correct it"
            yield document.problem((*at, "mapping", variable), message)
