"""The words of an explanation: one sentence that says it all, and the rules behind it.

They are made from the document, so that who shows it can put the times into the reader's own zone.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from repaintd.core.span import span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    When = Callable[[str], str]
    Document = Mapping[str, Any]

_STATES: Final = {"active": "active", "paused": "paused", "error": "failing"}
_AT_STAGE: Final = {
    "turn": "waiting for a turn",
    "fetch": "asking its source",
    "map": "mapping",
    "queue": "waiting for a turn to be drawn",
    "expand": "filling its template",
    "render": "being drawn",
    "publish": "being put in place",
    "commit": "being recorded",
}
_ALIKE: Final = {
    "not_modified": "the source said that nothing has changed (304)",
    "unchanged": "the variables were the same",
}
_REASONS: Final = {
    "retry_after": "the source asked for it (Retry-After)",
    "cache_control": "the source says that its answer stays fresh so long (Cache-Control)",
    "changed": "its configuration has changed",
    "trigger": "a trigger was accepted that no run has seen",
}
_NOTABLE_WAIT: Final = 1.0


def verdict(document: Document, when: When) -> str:
    """One sentence; *when* makes words of a time as it stands in the document."""
    head = f"{document['uid']} is {_STATES.get(document['status'], document['status'])}"
    stale = " and stale" if document["freshness"]["staleSince"] else ""
    return f"{head}{stale}: {_present(document, when)}, {_next(document)}"


def rules(document: Document, when: When) -> list[str]:
    """What decided that, one sentence each, the weightiest first."""
    found = [
        _paused(document),
        _under_way(document, when),
        _pending(document),
        _back_off(document),
        _hint(document),
        _policy(document),
        _alike(document, when),
        _waited(document),
        _freshness(document, when),
    ]
    return [each for each in found if each] + _fallbacks(document)


def _present(document: Document, when: When) -> str:
    failing, image = document["failing"], document["image"]
    since = f"the image of {when(image['publishedAt'])} stays" if image else "there is no image yet"
    if document["status"] == "paused":
        return f"nothing runs; {since}"
    if failing:
        count = "once" if failing["count"] == 1 else f"{failing['count']} times in a row"
        return f"{count} at {failing['stage']} ({failing['reason']}); {since}"
    if not image:
        waits = document["runs"] and document["runs"][0]["outcome"] == "waiting"
        return "it waits for its first data" if waits else since
    latest = document["runs"][0]["outcome"] if document["runs"] else ""
    if latest == "published":
        return f"drawn anew at {when(image['publishedAt'])}"
    return f"unchanged since {when(image['publishedAt'])}"


def _next(document: Document) -> str:
    due = document["next"]
    if document["underWay"]:
        return "a run is under way"
    if document["status"] == "paused":
        return "until `paused: true` is taken out"
    if due["at"] is None:
        return "next run when it is triggered"
    seconds = _seconds(due["at"]) - _seconds(document["at"])
    ahead = f"in {span(seconds)}" if round(seconds) > 0 else "now"
    what = "try" if document["failing"] else "poll" if document["policy"]["polls"] else "run"
    return f"next {what} {ahead} because {_because(document)}"


def _because(document: Document) -> str:
    policy, reason = document["policy"], document["next"]["reason"]
    place = f"place {policy['place']:.2f} of the"
    reasons = {
        "policy": f"ttlSeconds is {policy['ttlSeconds']} ({place} period)",
        "retry": f"of the back-off after {_failures(document)}",
        "first": f"it has not run yet ({place} start)",
    }
    return reasons.get(reason) or _REASONS.get(reason, f"of the rule {reason}")


def _paused(document: Document) -> str:
    if document["status"] != "paused":
        return ""
    return "paused: timers stand still, triggers are accepted and wait, the image is served"


def _under_way(document: Document, when: When) -> str:
    run = document["underWay"]
    if not run:
        return ""
    doing = _AT_STAGE.get(run["stage"], run["stage"])
    host = document["source"]["host"]
    if run["stage"] == "turn" and host:
        doing += f" at {host} (refresh.perHost, refresh.concurrency)"
    started = f"since {when(run['at'])} a run ({run['trigger']}) is under way"
    return f"{started}: {doing} for {span(run['stageSeconds'])}"


def _pending(document: Document) -> str:
    if not document["next"]["pending"]:
        return ""
    return "trigger: one was accepted that no recorded run has seen; a run follows"


def _back_off(document: Document) -> str:
    failing = document["failing"]
    if not failing:
        return ""
    step = f"30 s · 2^{min(failing['count'] - 1, 16)}"
    bound = f"min(ttlSeconds {document['policy']['ttlSeconds']}, {step}, 1 h)"
    words = f"back-off: {_failures(document)}; the next try is a random time up to {bound} away"
    return f"{words}; the last error: {failing['error']}"


def _hint(document: Document) -> str:
    return {
        "retry_after": "Retry-After: the source asked for time; it gets an hour at most",
        "cache_control": "Cache-Control: puts polls of policy etag off, by 24 h at most",
    }.get(document["next"]["reason"], "")


def _policy(document: Document) -> str:
    policy, source = document["policy"], document["source"]["type"]
    if not policy["polls"]:
        return f"policy {policy['type']}, source {source}: never polled, runs when it is triggered"
    place = policy["place"] * policy["ttlSeconds"]
    words = f"policy {policy['type']}: asked every {span(policy['ttlSeconds'])}"
    return f"{words}, {place:.1f} s into the period (spread: a hash of the uid, always the same)"


def _alike(document: Document, when: When) -> str:
    latest = document["runs"][0] if document["runs"] else None
    if latest is None or latest["outcome"] not in _ALIKE:
        return ""
    count, since = latest["count"], when(latest["at"])
    which = f"the last {count:,} runs (since {since})" if count > 1 else f"the last run ({since})"
    return f"not drawn anew: in {which} {_ALIKE[latest['outcome']]}"


def _waited(document: Document) -> str:
    waits = [run["stages"].get("turn", 0.0) for run in document["runs"]]
    longest = max(waits, default=0.0)
    host = document["source"]["host"]
    if longest < _NOTABLE_WAIT or not host:
        return ""
    return f"per-host budget: waited up to {span(longest)} for a turn at {host} (refresh.perHost)"


def _freshness(document: Document, when: When) -> str:
    """How old the data is, where somebody said how old it may be."""
    about = document["freshness"]
    as_of, bound, since = about["dataAsOf"], about["maxStaleSeconds"], about["staleSince"]
    if bound is None and about["slo"] is None:
        return ""
    aims = [f"maxStale {span(bound)}"] if bound is not None else []
    aims += [f"slo {about['slo']}"] if about["slo"] else []
    age = f"of {when(as_of)}" if as_of else "of no time yet"
    told = f"; stale, which was told at {when(since)}" if since else ""
    return f"freshness ({', '.join(aims)}): the data is {age}{told}"


def _fallbacks(document: Document) -> list[str]:
    return [
        f"variable {each['variable']}: {each['reason']}; used: {each['used']}"
        for each in document["fallbacks"]
    ]


def _failures(document: Document) -> str:
    failing = document["failing"]
    count = failing["count"] if failing else 0
    return "one failure" if count == 1 else f"{count} failures in a row"


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
