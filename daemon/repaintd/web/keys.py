"""Who may do what not everybody may: `Authorization: Bearer …` (contract D.4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import hdrs

from repaintd.web.problem import Problem
from repaintd.web.surface import SURFACE

if TYPE_CHECKING:
    from aiohttp import web

_BEARER: Final = re.compile(r"Bearer +([\x21-\x7e]{1,512})", re.IGNORECASE)
_REFUSAL: Final = "This needs the header `Authorization: Bearer KEY`, once, with a valid API key."

log = structlog.get_logger("repaintd.web")


def require_key(request: web.Request) -> None:
    """Let only those pass who have a key; never one that stands in the URL, which others log.

    Raises:
        Problem: the same for a key that is missing, malformed or wrong.
    """
    keys, token = request.app[SURFACE].keys, _token(request.headers.getall(hdrs.AUTHORIZATION, ()))
    if keys is not None and token is not None and keys.matches(token):
        return
    log.debug("key refused", remote=request.remote, path=request.path, sent=token is not None)
    challenge: dict[str, str] = {hdrs.WWW_AUTHENTICATE: "Bearer"}
    raise Problem(401, "invalid-api-key", _REFUSAL, headers=challenge)


def _token(values: list[str] | tuple[()]) -> str | None:
    found = _BEARER.fullmatch(values[0]) if len(values) == 1 else None
    return None if found is None else found[1]
