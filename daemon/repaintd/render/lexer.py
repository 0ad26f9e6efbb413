"""Cuts the source of a template into text, expressions and statements, with their positions.

For messages and checks only: minijinja has the last word on what a template means. Never raises;
what it cannot read it takes for text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPENING: Final = re.compile(r"\{\{|\{%|\{#")
_ENDRAW: Final = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<number>\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<name>[^\W\d]\w*)
    |(?P<close>[-+]?(?:\}\}|%\}))
    |(?P<op>==|!=|<=|>=|//|\*\*|.)""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A word of an expression; `offset` counts characters from the start of the file."""

    kind: Literal["string", "number", "name", "op"]
    text: str
    offset: int


class Piece(NamedTuple):
    """A stretch of a template.

    Attributes:
        kind: `text` as it is printed, `print` for `{{ … }}`, `do` for `{% … %}`.
        text: the source, delimiters included.
    """

    kind: Literal["text", "print", "do"]
    text: str
    offset: int
    tokens: tuple[Token, ...] = ()


def pieces_of(source: str) -> Iterator[Piece]:
    """All pieces in order; comments are left out."""
    at = 0
    while opening := _OPENING.search(source, at):
        if opening.start() > at:
            yield Piece("text", source[at : opening.start()], at)
        if opening.group() == "{#":
            end = source.find("#}", opening.end())
            at = len(source) if end < 0 else end + 2
            continue
        piece = _code(source, opening)
        at = piece.offset + len(piece.text)
        if [token.text for token in piece.tokens] == ["raw"] and piece.kind == "do":
            closing = _ENDRAW.search(source, at)
            yield Piece("text", source[at : closing.start() if closing else len(source)], at)
            at = closing.end() if closing else len(source)
        else:
            yield piece
    if at < len(source):
        yield Piece("text", source[at:], at)


def line_of(source: str, offset: int) -> int:
    """The line of a character, from 1."""
    return source.count("\n", 0, offset) + 1


def column_of(source: str, offset: int) -> int:
    """The column of a character, from 1."""
    return offset - source.rfind("\n", 0, offset)


def used_filters(piece: Piece) -> Iterator[Token]:
    """The names that follow a bar."""
    for before, token in zip(piece.tokens, piece.tokens[1:], strict=False):
        if before.text == "|" and before.kind == "op" and token.kind == "name":
            yield token


def used_tests(piece: Piece) -> Iterator[Token]:
    """The names that follow `is` or `is not`."""
    words = piece.tokens
    for at, token in enumerate(words[:-1]):
        if token != ("name", "is", token.offset) or (at and words[at - 1].text == "."):
            continue
        name = words[at + 1]
        if name.text == "not" and at + 2 < len(words):
            name = words[at + 2]
        if name.kind == "name":
            yield name


def _code(source: str, opening: re.Match[str]) -> Piece:
    kind: Literal["print", "do"] = "print" if opening.group() == "{{" else "do"
    closing = "}}" if kind == "print" else "%}"
    tokens: list[Token] = []
    at, depth = opening.end(), 0
    if source[at : at + 1] in {"-", "+"}:
        at += 1
    while match := _TOKEN.match(source, at):
        text = match.group()
        if match.lastgroup == "close" and (depth or not text.endswith(closing)):
            text = text[0]  # the end of a dictionary inside, or an operator
        elif match.lastgroup == "close":
            end = match.end()
            return Piece(kind, source[opening.start() : end], opening.start(), tuple(tokens))
        depth = max(0, depth + {"{": 1, "}": -1}.get(text, 0))
        if match.lastgroup != "space":
            tokens.append(Token(_kind(match), text, at))
        at += len(text)
    return Piece("text", source[opening.start() :], opening.start())


def _kind(match: re.Match[str]) -> Literal["string", "number", "name", "op"]:
    group = match.lastgroup
    if group == "string":
        return "string"
    if group == "number":
        return "number"
    return "name" if group == "name" else "op"
