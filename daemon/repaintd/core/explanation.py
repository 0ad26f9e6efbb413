"""Why a binding is as it is, and when it runs next: the document behind `repaintd explain`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from repaintd.core import schedule
from repaintd.core.event import iso
from repaintd.core.explanation_words import rules, verdict
from repaintd.core.run import KEPT, KEPT_FAILURES, kept
from repaintd.core.staleness import contract_of, data_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from repaintd.core.run import Run
    from repaintd.core.state import Fallback
    from repaintd.core.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """The run that is under way. *at* in seconds since the epoch.

    Attributes:
        stage: what it is at, out of `core.run.STAGES`.
        stage_seconds: for how long.
    """

    trigger: str
    at: float
    stage: str
    stage_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that an explanation is made of.

    Attributes:
        now: seconds since the epoch.
        running: whether a daemon says it; else it is what one left behind.
        pending: whether a trigger was accepted that no recorded run has seen.
        runs: as they are kept, without the streak of the state.
    """

    view: View
    now: float
    running: bool = True
    pending: bool = False
    under_way: UnderWay | None = None
    runs: Sequence[Run] = ()


def explanation(facts: Facts) -> dict[str, Any]:
    """The document; its words have times as RFC 3339 in UTC, like the rest of it."""
    view, runs = facts.view, _runs(facts)
    binding, state = view.binding, view.state
    document = {
        "uid": binding.uid,
        "at": iso(facts.now),
        "running": facts.running,
        "status": view.status.value,
        "source": {"type": binding.source.type, "host": binding.source.host or None},
        "policy": {
            "type": binding.refresh.type.value,
            "ttlSeconds": binding.refresh.ttl_seconds,
            "polls": schedule.polls(binding),
            "place": round(schedule.share(binding.uid), 4),
        },
        "next": {
            "at": None if binding.paused else iso(state.next_due_at),
            "reason": state.due_reason,
            "pending": facts.pending,
        },
        "underWay": _under_way(facts.under_way),
        "image": {"publishedAt": iso(state.image.published_at)} if state.image else None,
        "freshness": _freshness(view),
        "failing": _failing(view),
        "fallbacks": _fallbacks(state.fallbacks),
        "runs": [run_document(run) for run in reversed(runs[-KEPT:])],
        "failures": [
            run_document(run)
            for run in reversed([run for run in runs if run.failed][-KEPT_FAILURES:])
        ],
    }
    return {"verdict": verdict(document, str), "rules": rules(document, str), **document}


def run_document(run: Run) -> dict[str, Any]:
    """One run, or several that were alike."""
    return {
        "number": run.number,
        "count": run.count,
        "trigger": run.trigger.value,
        "outcome": run.ending.value,
        "at": iso(run.at),
        "lastAt": iso(run.last_at),
        "seconds": run.seconds,
        "lateSeconds": round(run.late, 3),
        "stages": dict(run.stages),
        "stage": run.stage or None,
        "reason": run.reason or None,
        "error": run.error or None,
        "changed": list(run.changed),
        "fallbacks": _fallbacks(run.fallbacks),
        "nextAt": iso(run.next_at),
        "dueReason": run.due_reason or None,
    }


def _runs(facts: Facts) -> list[Run]:
    """Oldest first, the streak that goes on as the latest."""
    state = facts.view.state
    streak = state.streak.closed(state.last_attempt_at) if state.streak else None
    return kept([*facts.runs, *([streak] if streak else [])])


def _under_way(run: UnderWay | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "trigger": run.trigger,
        "at": iso(run.at),
        "stage": run.stage,
        "stageSeconds": round(run.stage_seconds, 3),
    }


def _freshness(view: View) -> dict[str, Any]:
    bound = contract_of(view.binding)
    return {
        "dataAsOf": iso(data_time(view.binding, view.state)),
        "maxStaleSeconds": bound.max_stale if bound else None,
        "slo": str(bound.slo) if bound and bound.slo else None,
        "staleSince": iso(view.state.stale_since),
    }


def _failing(view: View) -> dict[str, Any] | None:
    state = view.state
    if not state.error_count:
        return None
    return {
        "count": state.error_count,
        "stage": state.last_error_stage,
        "reason": state.last_error_reason,
        "error": state.last_error,
    }


def _fallbacks(fallbacks: Iterable[Fallback]) -> list[dict[str, str]]:
    return [
        {"variable": each.variable, "path": each.path, "reason": each.reason, "used": each.used}
        for each in fallbacks
    ]
