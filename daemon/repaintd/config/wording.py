"""What pydantic refuses, as problems: in plain words, at the line and column of the node."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import AliasChoices, BaseModel

from repaintd.config.problem import shortened
from repaintd.config.texts import PATTERN_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from repaintd.config.document import Document
    from repaintd.config.problem import Path, Problem

_WORDS: Final = {
    "missing": "is required; add it",
    "string_type": "must be text; put it in quotes",
    "int_type": "must be a whole number, without quotes",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number, without quotes",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false, without quotes",
    "bool_parsing": "must be true or false",
    "dict_type": "must be a mapping (key: value)",
    "model_type": "must be a mapping (key: value)",
    "model_attributes_type": "must be a mapping (key: value)",
    "list_type": "must be a list (- item)",
    "tuple_type": "must be a list (- item)",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long; at most {max_length} characters are allowed",
    "too_long": "has too many entries; at most {max_length} are allowed",
    "too_short": "has too few entries; at least {min_length} are needed",
    "string_pattern_mismatch": "must match {pattern}; choose another",
    "value_error": "{error}",
    "union_tag_not_found": "needs the key {discriminator}",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}",
}
_CHOICES: Final = frozenset({"literal_error", "enum"})
_CONSEQUENCES: Final = frozenset({"default_factory_not_called"})


def problems_of(
    document: Document, error: ValidationError, model: type[BaseModel], at: Path = ()
) -> Iterator[Problem]:
    """One problem for each complaint of *model* about the node at *at*."""
    for detail in error.errors(include_url=False):
        if detail["type"] in _CONSEQUENCES:
            continue
        path = (*at, *_followed(detail["loc"], _node(document.value, at), detail["type"]))
        if detail["type"] == "extra_forbidden":
            key, allowed = str(detail["loc"][-1]), allowed_keys(model, detail["loc"][:-1])
            yield document.problem(path, unknown_key(key, allowed), key=True)
        elif detail["loc"][-1:] == ("[key]",):
            yield document.problem(path, f"has a key that {_words(detail)}", key=True)
        else:
            yield document.problem(path, _words(detail))


def unknown_key(key: str, allowed: Iterable[str]) -> str:
    """Say that a key is not known, what was perhaps meant, and what is allowed here."""
    return f"unknown key;{did_you_mean(key, allowed)} allowed here: {', '.join(sorted(allowed))}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`" did you mean x?"`, or nothing when nothing is near."""
    by_form = {each.lower().replace("_", ""): each for each in known}
    near = difflib.get_close_matches(shortened(word).lower().replace("_", ""), by_form, n=1)
    return f" did you mean {by_form[near[0]]}?" if near else ""


def allowed_keys(model: type[BaseModel], loc: Iterable[str | int]) -> set[str]:
    """The keys that users may write in the part of *model* that *loc* leads to."""
    candidates = {model}
    for part in loc:
        fields = [field for each in candidates for name, field in _fields(each) if name == part]
        if fields:
            candidates = {found for field in fields for found in _models(field.annotation)}
        else:
            candidates = {each for each in candidates if _is_tag(each, part)} or candidates
    return {name for each in candidates for name, _ in _fields(each)}


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        alias = field.validation_alias or name
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
        for choice in choices:
            yield str(choice), field


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _is_tag(model: type[BaseModel], part: str | int) -> bool:
    """Whether *part* is how pydantic says which member of a union it means."""
    kind = model.model_fields.get("type")
    return part == model.__name__ or (kind is not None and part in get_args(kind.annotation))


def _node(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _followed(loc: Path, value: Any, kind: str) -> Path:
    """*loc* without what stands in the model only: tags of unions, `[key]`."""
    path: list[str | int] = []
    for position, part in enumerate(loc):
        if _holds(value, part):
            path.append(part)
            value = value[part]
        elif kind == "missing" and position == len(loc) - 1:
            path.append(part)
    return tuple(path)


def _holds(value: Any, part: str | int) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _words(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind in _CHOICES:
        return _choice(detail)
    if kind == "string_pattern_mismatch" and detail["ctx"]["pattern"] in PATTERN_WORDS:
        return PATTERN_WORDS[detail["ctx"]["pattern"]]
    template = _WORDS.get(kind)
    if template is None:
        return f"is refused: {detail['msg']}; correct it"
    return template.format_map(_plain_context(detail.get("ctx", {})))


def _choice(detail: ErrorDetails) -> str:
    expected = detail["ctx"]["expected"]
    known = expected.replace(" or ", ", ").replace("'", "").split(", ")
    if len(known) == 1:
        return f"must be {known[0]}"
    given = detail["input"]
    hint = did_you_mean(given, known) if isinstance(given, str) else ""
    return f"must be one of {', '.join(known)};{hint or ' choose one'}"


def _plain_context(context: dict[str, Any]) -> dict[str, Any]:
    return {
        name: f"{value:g}" if isinstance(value, float) else value for name, value in context.items()
    }
