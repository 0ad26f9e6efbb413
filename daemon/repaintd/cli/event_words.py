"""What happened, in a few words for a line of `repaintd events`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from repaintd.core.event import (
    CONFIG_APPLIED,
    CONFIG_REJECTED,
    FAILED,
    FRESH,
    STALE,
    UPDATED,
    WEBHOOK_DISABLED,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_COUNTED: Final = ("added", "removed", "changed", "redrawn", "refetched", "templates", "settings")


def words(name: str, data: Mapping[str, Any]) -> str:
    """The gist of an event; "" for one that this version knows nothing of."""
    say = _WORDS.get(name)
    return "" if say is None else say(data)


def _updated(data: Mapping[str, Any]) -> str:
    if "changed" not in data:
        return ""
    return f"{', '.join(data['changed']) or 'drawn anew'} ({data.get('trigger')})"


def _failed(data: Mapping[str, Any]) -> str:
    return f"{data.get('stage')}: {data.get('error')}"


def _stale(data: Mapping[str, Any]) -> str:
    return f"the data is of {data.get('asOf') or 'no time yet'}{_cause(data)}"


def _fresh(data: Mapping[str, Any]) -> str:
    return f"the data is of {data.get('asOf')}"


def _cause(data: Mapping[str, Any]) -> str:
    return f": {data['error']}" if data.get("error") else ""


def _disabled(data: Mapping[str, Any]) -> str:
    return str(data.get("reason", ""))


def _applied(data: Mapping[str, Any]) -> str:
    counts = data.get("counts", {})
    changes = [f"{counts[each]} {each}" for each in _COUNTED if counts.get(each)]
    return ", ".join(changes) or "good again, nothing has changed"


def _rejected(data: Mapping[str, Any]) -> str:
    problems = data.get("problems") or [{}]
    first, more = problems[0], data.get("count", 1) - 1
    place = ":".join(str(first[key]) for key in ("file", "line") if first.get(key))
    return f"{place}: {first.get('message', '')}" + (f" (and {more} more)" if more > 0 else "")


_WORDS: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    UPDATED: _updated,
    FAILED: _failed,
    STALE: _stale,
    FRESH: _fresh,
    WEBHOOK_DISABLED: _disabled,
    CONFIG_APPLIED: _applied,
    CONFIG_REJECTED: _rejected,
}
