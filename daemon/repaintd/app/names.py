"""Names that bindings and templates do not agree on: the mistakes that draw an empty place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from repaintd.app.places import Places
from repaintd.config.problem import shortened
from repaintd.config.wording import did_you_mean
from repaintd.core.template import MISSING
from repaintd.render.lexer import pieces_of
from repaintd.render.prepared import files_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from repaintd.app.configure import Loaded
    from repaintd.config import Problem
    from repaintd.config.problem import Severity
    from repaintd.core.binding import Binding
    from repaintd.core.template import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """What a template knows.

    Attributes:
        used: every name in its expressions and statements: variables, and more.
        needed: declared without a default.
    """

    template: Template
    used: frozenset[str]
    needed: frozenset[str]

    def knows(self, name: str) -> bool:
        return name in self.template.variables or name in self.used


def check_names(loaded: Loaded) -> list[Problem]:
    """Variables that the template does not know, gets no value for, or never uses."""
    configuration = loaded.configuration
    places = Places(configuration.directory)
    known = {key: _names(template) for key, template in configuration.templates.items()}
    problems = [problem for names in known.values() for problem in _unused(names, places)]
    for binding in configuration.bindings.values():
        names = known[binding.template_id]
        problems += _unknown(binding, names, places)
        problems += _lacking(binding, names, places)
    return problems


def _names(template: Template) -> _Names:
    used = {
        token.text
        for source in files_of(template).values()
        for piece in pieces_of(source)
        for token in piece.tokens
        if token.kind == "name"
    }
    needed = {name for name, each in template.variables.items() if each.default is MISSING}
    return _Names(template=template, used=frozenset(used), needed=frozenset(needed))


def _unused(names: _Names, places: Places) -> Iterator[Problem]:
    folder = names.template.path.rpartition("/")[0]
    for name in names.template.variables:
        if name not in names.used:
            message = "is used nowhere in the template; use it, remove it, or mend its spelling"
            yield places.in_file(f"{folder}/template.yaml", ("variables", name), message)


def _unknown(binding: Binding, names: _Names, places: Places) -> Iterator[Problem]:
    for part, given in (("mapping", binding.mapping), ("defaults", binding.defaults)):
        for name in given:
            if not names.knows(name):
                hint = did_you_mean(name, names.template.variables)
                message = (
                    f"the template {names.template.id} has no variable {shortened(name)};"
                    f"{hint} remove it, or use it there"
                )
                yield places.problem(binding, (part, name), message, key=True)


def _lacking(binding: Binding, names: _Names, places: Places) -> Iterator[Problem]:
    for name in sorted(names.needed):
        if name in binding.defaults or binding.mapping.get(name, "").strip():
            continue
        then = "every refresh fails" if names.template.strict else "it stays empty"
        message = (
            f"gives the variable {shortened(name)} of the template {names.template.id} no value, "
            f"so {then}; map it, or give it a default"
        )
        severity: Severity = "error" if names.template.strict else "warning"
        yield places.problem(binding, ("mapping",), message, key=True, severity=severity)
