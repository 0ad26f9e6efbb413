"""The daemon's state as one JSON document: `/status.json` and the command line.

Equal input gives an equal document, and time enters by the minute only, so that its ETag holds
while nothing happens. Anyone may read it: of a data source it tells the type and the host, never
the URL, headers, credentials or defaults, of the mapping only what found nothing, and never where
triggers are received.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from repaintd.core.event import iso
from repaintd.core.staleness import contract_of, data_time
from repaintd.core.state import Status
from repaintd.core.view import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from repaintd.core.binding import Binding
    from repaintd.core.state import BindingState, StoredImage
    from repaintd.core.view import View

_MINUTE: Final = 60
_COUNTERS: Final = tuple(field.name for field in fields(Tally))
_NOTHING: Final = Tally()


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """What the document says of the daemon itself. Times are seconds since the epoch, UTC.

    Attributes:
        public_url: without a slash at the end; image URLs start with it.
        ready: what `/readyz` says.
    """

    version: str
    started_at: float
    now: float
    ready: bool
    public_url: str


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them added up."""
    rows = tuple(tallies)
    return Tally(**{name: sum(map(attrgetter(name), rows)) for name in _COUNTERS})


def image_url(public_url: str, binding: Binding) -> str:
    """The stable URL of the binding's image (contract B.9, `renderUrl`)."""
    return f"{public_url}/b/{binding.filename}"


def status_document(
    views: Iterable[View],
    tallies: Mapping[str, Tally],
    daemon: Daemon,
    *,
    events: Mapping[str, int],
    retired: Tally = _NOTHING,
) -> dict[str, Any]:
    """Daemon, totals, and every binding in the order given.

    Args:
        views: every binding.
        tallies: counters by uid; a binding that did nothing may be absent.
        daemon: what is known of the daemon itself.
        events: recorded events by name.
        retired: what bindings did that are gone.
    """
    views = tuple(views)
    return {
        **head_document(views, tallies, daemon, events=events, retired=retired),
        "bindings": [
            binding_document(view, tallies.get(view.binding.uid, _NOTHING), daemon.public_url)
            for view in views
        ],
    }


def head_document(
    views: Iterable[View],
    tallies: Mapping[str, Tally],
    daemon: Daemon,
    *,
    events: Mapping[str, int],
    retired: Tally = _NOTHING,
) -> dict[str, Any]:
    """`status_document` without its `bindings`: small however many there are."""
    return {
        "daemon": _daemon(daemon),
        "totals": {
            **_counts(Counter(view.status for view in views)),
            "stale": sum(view.stale for view in views),
            **work_document(total((retired, *tallies.values()))),
            "events": dict(sorted(events.items())),
        },
    }


def binding_document(view: View, tally: Tally, public_url: str) -> dict[str, Any]:
    """One binding in the words of contract B.1, with what the daemon knows beyond it."""
    binding, state = view.binding, view.state
    return {
        "uid": binding.uid,
        "name": binding.name,
        "templateId": binding.template_id,
        "dataSource": {"type": binding.source.type, "host": binding.source.host or None},
        "refreshPolicy": {
            "type": binding.refresh.type.value,
            "ttlSeconds": binding.refresh.ttl_seconds,
            "onError": binding.refresh.on_error.value,
        },
        "outputConfig": _output(binding),
        "status": view.status.value,
        "stale": view.stale,
        "renderUrl": image_url(public_url, binding),
        **_health(state),
        **_freshness(view),
        "image": _image(state.image),
        "fallbacks": [
            {"variable": f.variable, "path": f.path, "reason": f.reason, "used": f.used}
            for f in state.fallbacks
        ],
        **work_document(tally),
    }


def work_document(tally: Tally) -> dict[str, Any]:
    """What was done and what was saved since the daemon started; `saved` at its three levels."""
    saved = (tally.skipped_fetch, tally.skipped_render, tally.skipped_publish)
    return {
        "fetches": {
            "modified": tally.fetches_modified,
            "notModified": tally.fetches_not_modified,
            "error": tally.fetches_error,
        },
        "renders": {"ok": tally.renders_ok, "error": tally.renders_error},
        "saved": {"fetch": saved[0], "render": saved[1], "publish": saved[2], "total": sum(saved)},
        "publishes": tally.publishes,
        "triggers": {
            "queued": tally.triggers_queued,
            "coalesced": tally.triggers_coalesced,
            "ignored": tally.triggers_ignored,
            "duplicate": tally.triggers_duplicate,
        },
    }


def _daemon(daemon: Daemon) -> dict[str, Any]:
    uptime = max(0, int(daemon.now - daemon.started_at))
    return {
        "version": daemon.version,
        "startedAt": iso(daemon.started_at),
        "uptimeSeconds": uptime - uptime % _MINUTE,
        "ready": daemon.ready,
    }


def _counts(statuses: Mapping[Status, int]) -> dict[str, int]:
    return {
        "bindings": sum(statuses.values()),
        **{status.value: statuses.get(status, 0) for status in Status},
    }


def _output(binding: Binding) -> dict[str, Any]:
    output = binding.output
    document: dict[str, Any] = {"format": output.format.value, "quality": output.quality}
    if output.width is not None:
        document["width"] = output.width
    if output.height is not None:
        document["height"] = output.height
    return document


def _health(state: BindingState) -> dict[str, Any]:
    return {
        "lastFetchAt": iso(state.last_fetch_at),
        "lastRenderAt": iso(state.last_render_at),
        "lastAttemptAt": iso(state.last_attempt_at),
        "lastSuccessAt": iso(state.last_success_at),
        "lastError": state.last_error,
        "lastErrorStage": state.last_error_stage,
        "lastErrorReason": state.last_error_reason,
        "errorCount": state.error_count,
        "nextRefreshAt": iso(state.next_due_at),
        "dueReason": state.due_reason,
        "createdAt": iso(state.created_at),
    }


def _freshness(view: View) -> dict[str, Any]:
    bound, slo = contract_of(view.binding), None
    if bound is not None and bound.slo is not None:
        slo = {"ratio": bound.slo.ratio, "ageSeconds": bound.slo.age}
    return {
        "dataAsOf": iso(data_time(view.binding, view.state)),
        "staleSince": iso(view.state.stale_since),
        "freshness": None if bound is None else {"maxStaleSeconds": bound.max_stale, "slo": slo},
    }


def _image(image: StoredImage | None) -> dict[str, Any] | None:
    if image is None:
        return None
    return {
        "etag": image.etag,
        "size": image.size,
        "mediaType": image.media_type,
        "width": image.width,
        "height": image.height,
        "publishedAt": iso(image.published_at),
    }
