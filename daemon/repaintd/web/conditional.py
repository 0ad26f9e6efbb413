"""Conditional requests: RFC 9110 section 13, as pure functions over headers."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

_ENTITY_TAG: Final = re.compile(r'(W/)?("[^"]*")')


class Verdict(Enum):
    """What the conditions of a GET or HEAD come to."""

    SEND = 200
    NOT_MODIFIED = 304
    FAILED = 412


def verdict(headers: CIMultiDictProxy[str], etag: str, modified: int | None) -> Verdict:
    """Evaluate in the order of RFC 9110 section 13.2.2.

    Args:
        headers: of the request.
        etag: the strong entity tag of the representation, with its quotes.
        modified: when it was last modified, whole seconds since the epoch; None where nobody
            knows, so that dates do not count.
    """
    if hdrs.IF_MATCH in headers:
        if not _listed(headers, hdrs.IF_MATCH, etag, weak=False):
            return Verdict.FAILED
    elif hdrs.IF_UNMODIFIED_SINCE in headers and modified is not None:
        since = seconds(headers[hdrs.IF_UNMODIFIED_SINCE])
        if since is not None and modified > since:
            return Verdict.FAILED
    if hdrs.IF_NONE_MATCH in headers:
        found = _listed(headers, hdrs.IF_NONE_MATCH, etag, weak=True)
        return Verdict.NOT_MODIFIED if found else Verdict.SEND
    if hdrs.IF_MODIFIED_SINCE in headers and modified is not None:
        since = seconds(headers[hdrs.IF_MODIFIED_SINCE])
        if since is not None and modified <= since:
            return Verdict.NOT_MODIFIED
    return Verdict.SEND


def _listed(headers: CIMultiDictProxy[str], name: str, etag: str, *, weak: bool) -> bool:
    """Whether *etag* is in the list, or the list is `*`. Ours is strong: only theirs can be weak.

    What is not an entity tag in the list matches nothing.
    """
    value = headers[name]
    if value == etag:
        return True
    if len(headers.getall(name)) > 1:
        value = ", ".join(headers.getall(name))
    if value.strip() == "*":
        return True
    return any(tag == etag and (weak or not mark) for mark, tag in _ENTITY_TAG.findall(value))


@lru_cache(maxsize=1024)
def http_date(moment: int) -> str:
    """Seconds since the epoch as an HTTP-date (RFC 9110 section 5.6.7)."""
    return formatdate(moment, usegmt=True)


@lru_cache(maxsize=1024)
def seconds(text: str) -> int | None:
    """An HTTP-date in any of its three forms as seconds since the epoch; None if it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    try:
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None
