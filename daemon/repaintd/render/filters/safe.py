"""Filters that make data safe where HTML escaping alone does not: CSS, URLs, scripts.

What they return is marked as markup: it holds nothing that could end the place it stands in.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote

import orjson
from minijinja import safe as markup

from repaintd.render.filters.values import to_text

_CSS_TOKEN: Final = re.compile(
    r"""[+-]?(\d{1,20}(\.\d{1,20})?|\.\d{1,20})(%|[A-Za-z]{1,6})?     # 12, 1.5rem, 50%
    |\#[0-9A-Fa-f]{3,8}
    |(rgba?|hsla?|hwb|lab|lch|oklab|oklch)\([0-9A-Za-z.,%/\ +-]{1,80}\)
    |[A-Za-z_-][A-Za-z0-9_-]{0,99}""",
    re.VERBOSE,
)
_CSS_ODD: Final = re.compile(r"[^A-Za-z0-9_-]")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")
_PICTURE: Final = re.compile(r"data:image/(png|jpeg|gif|webp|avif|svg\+xml)[;,]", re.IGNORECASE)
_URL_KEPT: Final = "%:/?#[]@!$&*+,;=~-._"
_SCRIPT: Final = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "'": "\\u0027",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


def css(value: Any) -> str:
    """A colour, number, length or name as it is; anything else spelt in CSS escapes.

    Inert in a style sheet, in a style attribute, and inside quotes of either.
    """
    text = to_text(value).strip()
    if _CSS_TOKEN.fullmatch(text):
        return markup(text)
    return markup(_CSS_ODD.sub(lambda odd: f"\\{ord(odd.group()):x} ", text))


def url(value: Any) -> str:
    """An http, https, relative or data:image address; `#` instead of any other."""
    text = _CONTROLS.sub("", to_text(value)).strip()
    scheme = _SCHEME.match(text)
    if scheme and scheme.group().lower() not in {"http:", "https:"} and not _PICTURE.match(text):
        return "#"
    return markup(quote(text, safe=_URL_KEPT).replace("&", "&amp;"))


def json(value: Any, indent: Any = False) -> str:
    """JSON for a script or a single-quoted attribute; never ends either."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0).decode()
    return markup("".join(_SCRIPT.get(character, character) for character in text))
