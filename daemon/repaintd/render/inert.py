"""Tells whether what an expression prints can do no harm where HTML escaping is not enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from repaintd.render.lexer import Piece, Token

NUMERIC: Final = frozenset(
    {"abs", "bytes", "compact", "count", "duration", "float", "int", "length", "number"}
    | {"percent", "round", "sparkline"}
)
"""Filters that print numbers and units only, or fail."""

_LITERALS: Final = frozenset({"true", "false", "none", "True", "False", "None"})
_NUMBERS_ONLY: Final = frozenset({"-", "/", "//", "%", "**"})
_OPERATIONS: Final = _NUMBERS_ONLY | {"+", "*"}
_NOT_NUMBERS: Final = frozenset({"~", "|", ",", "and", "or", "==", "!=", "<", ">", "<=", ">="})
_OPERATORS: Final = frozenset({"and", "or", "not", "in", "is"})
_MAX_TOKENS: Final = 500  # more could exhaust the stack, and nobody reads them
_OPENING: Final = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


def is_inert(tokens: Sequence[Token], filters: Collection[str], names: Collection[str]) -> bool:
    """Whether every value the expression can have is harmless.

    Harmless are: literals, arithmetic that only numbers survive, `loop.…`, one of *names*, and
    whatever one of *filters* was applied to last. Very long expressions count as harmful.
    """
    return len(tokens) <= _MAX_TOKENS and _is_inert(tokens, filters, names)


def _is_inert(tokens: Sequence[Token], filters: Collection[str], names: Collection[str]) -> bool:
    tokens = _unwrapped(tokens)
    branches = _branches(tokens)
    if len(branches) > 1:
        return all(_is_inert(branch, filters, names) for branch in branches)
    if all(token.kind in {"string", "number"} or token.text in _LITERALS for token in tokens):
        return True
    if len(tokens) == 1:
        return tokens[0].text in names
    top = [token for token, depth in _depths(tokens) if depth == 0]
    if len(top) > 1 and top[-2].text == "|":
        return _is_filtered(top, filters)
    words = {token.text for token in top if token.kind != "string"}
    if words <= {"loop", ".", tokens[-1].text}:
        return tokens[0].text == "loop"
    return not words & _NOT_NUMBERS and _is_calculation(tokens, filters, names)


def _is_filtered(top: Sequence[Token], filters: Collection[str]) -> bool:
    """Whether the last filter is one of *filters* and stands behind the whole."""
    plain = all(token.kind != "op" or token.text in {"|", "."} for token in top)
    words = {token.text for token in top if token.kind == "name"}
    own = len(top) == len("x|y") and top[0].kind == "string"  # the author's text, not data
    return own or (plain and not words & _OPERATORS and top[-1].text in filters)


def _is_calculation(
    tokens: Sequence[Token], filters: Collection[str], names: Collection[str]
) -> bool:
    """Whether no text survives it; `+` joins two texts, and `*` repeats one."""
    operands: list[list[Token]] = [[]]
    operators: set[str] = set()
    for token, depth in _depths(tokens):
        if depth == 0 and token.kind == "op" and token.text in _OPERATIONS:
            operators.add(token.text)
            operands.append([])
        else:
            operands[-1].append(token)
    if operators & _NUMBERS_ONLY:
        return True
    return bool(operators) and all(_is_inert(operand, filters, names) for operand in operands)


def inert_names(pieces: Sequence[Piece], filters: Collection[str]) -> frozenset[str]:
    """Names that the template itself sets, and to harmless values only."""
    good: set[str] = set()
    bad: set[str] = set()
    for piece in pieces:
        words = [token.text for token in piece.tokens]
        if piece.kind != "do" or not words:
            continue
        if words[0] == "set" and words[2:3] == ["="]:
            harmless = is_inert(piece.tokens[3:], filters, good)
            (good if harmless else bad).add(words[1])
        elif words[0] == "for" and words[2:3] == ["in"]:
            harmless = _is_literal_list(piece.tokens[3:])
            (good if harmless else bad).add(words[1])
        elif words[0] in {"set", "for", "macro", "call", "with", "from", "import"}:
            bad.update(token.text for token in piece.tokens if token.kind == "name")
    return frozenset(good - bad)


def _is_literal_list(tokens: Sequence[Token]) -> bool:
    words = [token.text for token in tokens]
    if words[:2] == ["range", "("]:
        return words[-1] == ")"
    inner = tokens[1:-1]
    return (
        words[:1] == ["["]
        and words[-1:] == ["]"]
        and all(token.kind in {"string", "number"} or token.text == "," for token in inner)
    )


def _unwrapped(tokens: Sequence[Token]) -> Sequence[Token]:
    """Without parentheses around the whole."""
    while len(tokens) > 1 and tokens[0].text == "(" and tokens[-1].text == ")":
        depths = [depth for _, depth in _depths(tokens[:-1])]
        if 0 in depths:
            break
        tokens = tokens[1:-1]
    return tokens


def _branches(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    """The values of `a if x else b`; the expression itself where it is none."""
    top = [
        (at, token.text)
        for at, (token, depth) in enumerate(_depths(tokens))
        if depth == 0 and token.kind == "name"
    ]
    start = next((at for at, word in top if word == "if"), None)
    if start is None:
        return [tokens]
    other = next((at for at, word in top if word == "else" and at > start), None)
    return [tokens[:start], tokens[other + 1 :]] if other is not None else [tokens[:start], ()]


def _depths(tokens: Sequence[Token]) -> Iterator[tuple[Token, int]]:
    """Each token with the number of brackets open around it; brackets count as inside."""
    depth = 0
    for token in tokens:
        change = _OPENING.get(token.text, 0) if token.kind == "op" else 0
        yield token, depth + max(change, 0) if change >= 0 else depth
        depth += change
