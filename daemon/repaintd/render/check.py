"""Finds what is wrong in a template before data meets it: errors, misspelt names, unsafe places."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal

from repaintd.errors import RenderFailed
from repaintd.render.frames import MAIN
from repaintd.render.lexer import (
    Token,
    column_of,
    line_of,
    pieces_of,
    used_filters,
    used_tests,
)
from repaintd.render.limits import DEFAULT_LIMITS, Limits
from repaintd.render.prepared import Prepared, prepare
from repaintd.render.survey import Survey, survey
from repaintd.render.unsafe import unsafe_places

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from repaintd.core.template import Template
    from repaintd.render.lexer import Piece

_GLOBALS: Final = frozenset({"cycler", "dict", "joiner", "loop", "namespace", "now", "range"})
_ASKS_FOR_FILE: Final = frozenset({"extends", "from", "import", "include"})
_MOST: Final = 200
_SHOWN: Final = 60
_MOST_REMEMBERED: Final = 2048
_REMEMBERED: Final[dict[object, list[TemplateFinding]]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFinding:
    """One thing that is wrong, or looks wrong.

    Attributes:
        line: from 1.
        column: from 1; None where only the line is known.
        severity: an `error` will not render; a `warning` renders, but perhaps not as meant.
        file: name of the file in the template's folder.
    """

    line: int
    column: int | None
    message: str
    severity: Literal["error", "warning"]
    file: str = MAIN


def check_template(template: Template) -> list[TemplateFinding]:
    """All findings of one template, in the order of its lines.

    Starts a process, which takes 0.1 s and blocks; what was checked before is remembered. Where
    there are many templates, hand them to `check_templates` first.

    Raises:
        StartupFailed: that process cannot be started.
    """
    return check_templates([template])[0]


def check_templates(
    templates: Sequence[Template], limits: Limits = DEFAULT_LIMITS
) -> list[list[TemplateFinding]]:
    """The findings of each template, in the order given. One process reads them all, blocking.

    Raises:
        StartupFailed: that process cannot be started.
    """
    prepared = [_prepare(template, limits) for template in templates]
    questions: list[object] = [
        (item.key, frozenset(template.variables), template.volatile, limits)
        if isinstance(item, Prepared)
        else item
        for template, item in zip(templates, prepared, strict=True)
    ]
    found: dict[object, list[TemplateFinding]] = {}
    new: dict[object, tuple[Template, Prepared]] = {}
    for template, item, question in zip(templates, prepared, questions, strict=True):
        if isinstance(item, TemplateFinding):
            found[question] = [item]
        elif question in _REMEMBERED:
            found[question] = _REMEMBERED[question]
        else:
            new[question] = (template, item)
    surveys = survey([item for _, item in new.values()], limits)
    for (question, (template, item)), result in zip(new.items(), surveys, strict=True):
        findings = islice(_findings(template, item, result), _MOST)
        found[question] = _remember(question, sorted(findings, key=_position))
    return [list(found[question]) for question in questions]


def _remember(question: object, findings: list[TemplateFinding]) -> list[TemplateFinding]:
    """Keep an answer for the next reload; the oldest goes."""
    if len(_REMEMBERED) >= _MOST_REMEMBERED:
        _REMEMBERED.pop(next(iter(_REMEMBERED)), None)
    _REMEMBERED[question] = findings
    return findings


def _position(finding: TemplateFinding) -> tuple[bool, str, int, int]:
    return finding.file != MAIN, finding.file, finding.line, finding.column or 0


def _prepare(template: Template, limits: Limits) -> Prepared | TemplateFinding:
    try:
        prepared = prepare(template)
    except RenderFailed as failure:
        return _error(str(failure).partition(": ")[2])
    if prepared.size > limits.markup:
        return _error(
            f"the template with its includes takes {prepared.size:,} bytes, "
            f"more than {limits.markup:,}: make pictures files of their own"
        )
    return prepared


def _findings(template: Template, prepared: Prepared, result: Survey) -> Iterator[TemplateFinding]:
    if result.error is not None:
        yield _compile_error(prepared, result.error)
        return
    if prepared.uses_clock and not template.volatile:
        yield from _clock_warning(prepared)
    for file, source in prepared.files.items():
        pieces = list(pieces_of(source))
        yield from _unknown(file, source, pieces, result)
        yield from _undeclared(file, source, pieces, result, template)
        yield from _not_there(file, source, pieces, prepared)
        for offset, message in unsafe_places(pieces):
            yield _at(file, source, offset, message, "warning")


def _compile_error(prepared: Prepared, error: dict[str, object]) -> TemplateFinding:
    file, line, span = error.get("file", MAIN), error.get("line"), error.get("range")
    source = prepared.files.get(str(file), "")
    if not isinstance(line, int):
        return _error(str(error["detail"]), file=str(file))
    column = None
    if isinstance(span, list):
        offset = len(source.encode()[: span[0]].decode(errors="ignore"))
        column = column_of(source, offset) if line_of(source, offset) == line else None
    row = source.split("\n")[line - 1].strip() if line <= source.count("\n") + 1 else ""
    shown = row if len(row) <= _SHOWN else f"{row[:_SHOWN]}…"
    return TemplateFinding(
        line=line,
        column=column,
        message=f"{error['detail']}, in `{shown}`",
        severity="error",
        file=str(file),
    )


def _unknown(
    file: str, source: str, pieces: Sequence[Piece], result: Survey
) -> Iterator[TemplateFinding]:
    for piece in pieces:
        for kind, tokens, unknown in (
            ("filter", used_filters(piece), result.filters),
            ("test", used_tests(piece), result.tests),
        ):
            for token in tokens:
                if token.text in unknown:
                    message = f'there is no {kind} "{token.text}"'
                    yield _at(file, source, token.offset, message, "error")


def _undeclared(
    file: str, source: str, pieces: Sequence[Piece], result: Survey, template: Template
) -> Iterator[TemplateFinding]:
    """One finding per name, at its first use."""
    names = set(result.undeclared.get(file, ())) - _GLOBALS - template.variables.keys()
    for piece in pieces:
        for token, before, after in _neighbours(piece.tokens):
            if token.kind != "name" or token.text not in names or before in {".", "|", "is"}:
                continue
            names.discard(token.text)
            if after == "(":
                message = f'there is no function "{token.text}"'
                yield _at(file, source, token.offset, message, "error")
            elif file == MAIN:  # another file may get it from the one that includes it
                message = (
                    f'"{token.text}" is not declared: add it to `variables` of template.yaml, '
                    "or mend its spelling"
                )
                yield _at(file, source, token.offset, message, "warning")


def _not_there(
    file: str, source: str, pieces: Sequence[Piece], prepared: Prepared
) -> Iterator[TemplateFinding]:
    """Files that are asked for by name and do not lie beside the template."""
    for piece in pieces:
        words = [token.text for token in piece.tokens]
        if piece.kind != "do" or words[0] not in _ASKS_FOR_FILE or "missing" in words:
            continue
        name = piece.tokens[1]
        if name.kind == "string" and name.text[1:-1].removeprefix("./") not in prepared.files:
            message = f"there is no file {name.text} beside the template (only .html is included)"
            yield _at(file, source, name.offset, message, "error")


def _neighbours(tokens: Sequence[Token]) -> Iterator[tuple[Token, str, str]]:
    words = [token.text for token in tokens]
    return zip(tokens, ["", *words], [*words[1:], ""], strict=False)


def _clock_warning(prepared: Prepared) -> Iterator[TemplateFinding]:
    """The first place that asks for the time; in plain text and scripts the words mean nothing."""
    for file, source in prepared.files.items():
        for piece in pieces_of(source):
            for token in piece.tokens:
                if token.kind == "name" and token.text in {"now", "timeago"}:
                    message = (
                        f"`{token.text}` tells the time, but the image is drawn anew only when its "
                        "data changes: say `volatile: true` in template.yaml"
                    )
                    yield _at(file, source, token.offset, message, "warning")
                    return


def _at(
    file: str, source: str, offset: int, message: str, severity: Literal["error", "warning"]
) -> TemplateFinding:
    return TemplateFinding(
        line=line_of(source, offset),
        column=column_of(source, offset),
        message=message,
        severity=severity,
        file=file,
    )


def _error(message: str, file: str = MAIN) -> TemplateFinding:
    return TemplateFinding(line=1, column=None, message=message, severity="error", file=file)
