"""Places of a template where data could do more than be shown, HTML escaping or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from repaintd.render.html_place import HtmlReader, Place
from repaintd.render.inert import NUMERIC, inert_names, is_inert

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from repaintd.render.lexer import Piece, Token

_ADDRESSES: Final = frozenset(
    {"action", "background", "formaction", "href", "poster", "src", "srcset", "xlink:href"}
)
_JSON: Final = frozenset({"json", "tojson"})
_CSS: Final = NUMERIC | {"css", "url"}
_URL: Final = NUMERIC | {"url"}


class _Rule(NamedTuple):
    """Where data lands, what to write instead, and the filters that make it good."""

    where: str
    remedy: str
    filters: frozenset[str]


_BY_WHERE: Final = {
    "script": _Rule("in a script", "write {{{{ {}|json }}}}", NUMERIC | _JSON),
    "style": _Rule("in a style sheet", "write {{{{ {}|css }}}}", _CSS),
    "tag": _Rule(
        "as the name of a tag or attribute", "write the name out, with {{% if %}}", NUMERIC
    ),
    "unquoted": _Rule("in a value without quotes", 'write "{{{{ {} }}}}"', NUMERIC),
}
_BY_ATTRIBUTE: Final = {
    "style": _Rule("in a style attribute", "write {{{{ {}|css }}}}", _CSS),
    "srcdoc": _Rule("in srcdoc", "write the document out", NUMERIC),
}


def unsafe_places(pieces: Sequence[Piece]) -> Iterator[tuple[int, str]]:
    """Offset and explanation of each, in order."""
    reader = HtmlReader()
    constants = inert_names(pieces, NUMERIC)
    for piece in pieces:
        if piece.kind == "text":
            reader.read(piece.text)
            continue
        words = [token.text for token in piece.tokens]
        if piece.kind == "do":
            if words[:2] == ["autoescape", "false"]:
                yield piece.offset, "escaping is off from here on: data can bring its own markup"
            continue
        if piece.tokens and not is_inert(piece.tokens, NUMERIC, constants):
            message = _complaint(reader.place, piece.tokens, constants)
            if message:
                yield piece.tokens[0].offset, message
        reader.data()


def _complaint(place: Place, tokens: Sequence[Token], constants: frozenset[str]) -> str:
    words = [token.text for token in tokens]
    shown = _shown(words)
    rule = _rule(place)
    if rule is not None:
        if is_inert(tokens, rule.filters, constants):
            return ""
        remedy = rule.remedy.format(shown)
        return f"data {rule.where} is not safe by HTML escaping alone: {remedy}"
    last = words[-1] if words[-2:-1] == ["|"] else ""
    if last in _JSON and place.where == "quoted" and place.quote == '"':
        return f"JSON ends a value in double quotes: put single quotes around {{{{ {shown} }}}}"
    if "safe" in words and words[words.index("safe") - 1] == "|":
        return "`safe` lets data bring its own markup: leave it out, or trust the source fully"
    return ""


def _rule(place: Place) -> _Rule | None:
    if place.where != "quoted":
        return _BY_WHERE.get(place.where)
    if place.attribute.startswith("on"):
        return _Rule(f"in {place.attribute}", "use a data attribute and a script", NUMERIC)
    if place.attribute in _ADDRESSES and not place.before.strip():
        return _Rule(f"at the start of {place.attribute}", "write {{{{ {}|url }}}}", _URL)
    return _BY_ATTRIBUTE.get(place.attribute)


def _shown(words: Sequence[str]) -> str:
    if len(words) == 1 or set(words[1::2]) == {"."}:
        return "".join(words)
    return "(…)"
