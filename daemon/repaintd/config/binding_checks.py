"""What a binding is checked against besides its own model: templates, settings, path language."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from repaintd.config.problem import shortened
from repaintd.config.wording import did_you_mean
from repaintd.core.mapping import PathSyntaxError, compile_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from repaintd.config.document import Document
    from repaintd.config.problem import Path, Problem
    from repaintd.core.binding import Freshness
    from repaintd.plugin import SourceSpec


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_UNREACHED: Final = "waits for triggers, but without `webhook:` none is let in; add its secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for all bindings of one load.

    Equal rules judge a file the same, if `judges_like` says so of the templates too.

    Attributes:
        source_specs: spec model by `dataSource.type`.
        templates: ids of all template folders, of broken ones too.
        min_ttl_seconds: `refresh.minTtlSeconds`.
        freshness: of bindings that do not say.
        sound_paths: mapping paths that have compiled already.
    """

    source_specs: Mapping[str, type[SourceSpec]]
    templates: AbstractSet[str] = field(compare=False)
    min_ttl_seconds: int
    freshness: Freshness | None = None
    sound_paths: set[str] = field(default_factory=set, compare=False)

    def judges_like(self, other: Rules, named: AbstractSet[str]) -> bool:
        """Whether a file that names these templates has the same problems by *other*."""
        if self is other:
            return True
        known = self.templates == other.templates or (
            named <= self.templates and named <= other.templates
        )  # where one is missing, the message tells of the others
        return known and self == other


def check_binding(
    document: Document, at: Path, item: Mapping[str, Any], rules: Rules
) -> Iterator[Problem]:
    """The problems of a binding as it was written, whatever its model says of it.

    What has the wrong type altogether is left to the model.
    """
    template_id = item.get("templateId")
    if isinstance(template_id, str) and template_id not in rules.templates:
        yield document.problem((*at, "templateId"), _no_template(template_id, rules))
    policy, source = _mapping_at(item, "refreshPolicy"), _mapping_at(item, "dataSource")
    ttl = policy.get("ttlSeconds")
    if isinstance(ttl, int) and not isinstance(ttl, bool) and ttl < rules.min_ttl_seconds:
        least = f"must be at least {rules.min_ttl_seconds} (refresh.minTtlSeconds)"
        yield document.problem((*at, "refreshPolicy", "ttlSeconds"), least)
    if item.get("webhook") is None:
        # Without `webhook:` no trigger is let in: what waits for one waits for ever.
        if source.get("type") == "webhook":
            yield document.problem((*at, "dataSource", "type"), _UNREACHED, severity="warning")
        elif policy.get("type") == "webhook":
            yield document.problem((*at, "refreshPolicy", "type"), _UNREACHED, severity="warning")
    yield from _check_paths(document, at, _mapping_at(item, "mapping"), rules)


def _mapping_at(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = item.get(key)
    return value if isinstance(value, dict) else _NOTHING


def _no_template(template_id: str, rules: Rules) -> str:
    hint = did_you_mean(template_id, rules.templates)
    folder = shortened(template_id)
    return f"there is no folder templates/{folder};{hint or ' make it, or name another'}"


def _check_paths(
    document: Document, at: Path, mapping: Mapping[str, Any], rules: Rules
) -> Iterator[Problem]:
    for variable, text in mapping.items():
        if isinstance(text, str) and text not in rules.sound_paths:
            try:
                compile_path(text)
                rules.sound_paths.add(text)
            except PathSyntaxError as error:
                yield document.problem((*at, "mapping", variable), _no_path(error))


def _no_path(error: PathSyntaxError) -> str:
    cause = str(error)
    place = "" if "at character" in cause else f", at character {error.position + 1}"
    return f"is no path: {cause}{place}; correct it"
