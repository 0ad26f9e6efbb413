"""What a refresh changes in what is remembered, and the events it makes (contract B.7).

Pure state transitions: old state and what happened go in, new state and events come out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from repaintd.core.event import FAILED, UPDATED, Event, iso
from repaintd.core.fetch import Fetched, NotModified
from repaintd.core.fingerprint import digest
from repaintd.core.staleness import PUSHED
from repaintd.core.state import BindingState, StoredImage, Trigger
from repaintd.errors import FetchFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.core.image import PublishedImage
    from repaintd.core.pipeline import Outcome, Work
    from repaintd.core.run import Streak
    from repaintd.core.schedule import Due
    from repaintd.errors import RefreshFailed


_HEALTHY: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "error_count": 0,
        "last_error": None,
        "last_error_stage": None,
        "last_error_reason": None,
        "default_image": "",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The new state, and the event it comes with, to be written in one transaction."""

    state: BindingState
    event: Event | None = None

    def with_streak(self, streak: Streak) -> Settled:
        """The same, and *streak* is what the log of runs goes on with."""
        if self.state.streak is streak:
            return self
        return replace(self, state=replace(self.state, streak=streak))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What an event needs from outside: when it is, and where the image is served."""

    now: float
    render_url: str


def after_success(work: Work, outcome: Outcome, due: Due, stamp: Stamp) -> Settled:
    """A refresh that did not fail: health is restored; a new image is an event.

    Where the source was not asked, nothing is known of its health, and nothing is said about it.
    """
    state = replace(
        work.state,
        **_fetched(outcome, stamp.now),
        **(_HEALTHY if _is_mended(work, outcome) else {}),
        attempted=work.configured,
        triggers_taken=work.received,
        pushed_at=_pushed_at(work, outcome, stamp.now),
        last_attempt_at=work.now,
        last_success_at=work.state.last_success_at if outcome.result is None else stamp.now,
        next_due_at=due.at,
        due_reason=due.reason,
    )
    if outcome.mapped is None:
        return Settled(state=state)
    state = replace(
        state,
        source_fingerprint=work.binding.source.fingerprint,
        mapping_fingerprint=work.mapping_fingerprint,
        render_fingerprint=outcome.render_fingerprint,
        variables=outcome.mapped.variables,
        fallbacks=outcome.mapped.fallbacks,
    )
    if outcome.image is None:
        return Settled(state=state)
    return _drawn(work, outcome.image, state, stamp)


def after_not_modified(
    work: Work, result: NotModified, due: Due, now: float, streak: Streak | None = None
) -> BindingState:
    """What `after_success` makes of a 304 behind which nothing is to be done.

    Written out, as most refreshes of most daemons end here: `replace` takes three times as long.
    """
    state = work.state
    return BindingState(
        uid=state.uid,
        source_fingerprint=state.source_fingerprint,
        mapping_fingerprint=state.mapping_fingerprint,
        render_fingerprint=state.render_fingerprint,
        attempted=work.configured,
        validators=result.validators,
        body_hash=state.body_hash,
        unconditional_at=state.unconditional_at,
        variables=state.variables,
        fallbacks=state.fallbacks,
        image=state.image,
        default_image="",
        sequence=state.sequence,
        error_count=0,
        last_error=None,
        last_error_stage=None,
        last_error_reason=None,
        last_attempt_at=work.now,
        last_success_at=now,
        last_fetch_at=now,
        last_render_at=state.last_render_at,
        next_due_at=due.at,
        due_reason=due.reason,
        created_at=state.created_at,
        triggers_taken=work.received,
        pushed_at=state.pushed_at,
        stale_since=state.stale_since,
        streak=streak,
    )


def after_failure(work: Work, failure: RefreshFailed, due: Due, stamp: Stamp) -> Settled:
    """A failed attempt: the good image and all that is known of it stay; an event says so."""
    before = work.state
    state = replace(
        before,
        error_count=before.error_count + 1,
        last_error=str(failure),
        last_error_stage=failure.stage,
        last_error_reason=failure.reason,
        attempted=work.configured,
        triggers_taken=work.received,
        last_attempt_at=work.now,
        next_due_at=due.at,
        due_reason=due.reason,
        sequence=before.sequence + 1,
    )
    data = {
        "bindingId": before.uid,
        "error": str(failure),
        "retryCount": state.error_count,
        "nextRetry": iso(due.at),
        "uid": before.uid,
        "templateId": work.binding.template_id,
        "renderUrl": stamp.render_url,
        "stage": failure.stage,
        "reason": failure.reason,
        "onError": work.binding.refresh.on_error.value,
        "trigger": work.trigger.value,
        "sequence": state.sequence,
    }
    return Settled(state=state, event=make_event(FAILED, state, data, stamp))


def _is_mended(work: Work, outcome: Outcome) -> bool:
    """A source that failed has to be asked again before it counts as well."""
    return outcome.result is not None or work.state.last_error_stage != FetchFailed.stage


def _fetched(outcome: Outcome, now: float) -> dict[str, Any]:
    """Validators always come from the latest 200 or 304 (RFC 9111 section 4.3.4)."""
    result = outcome.result
    if isinstance(result, NotModified):
        return {"validators": result.validators, "last_fetch_at": now}
    if isinstance(result, Fetched):
        return {
            "validators": result.validators,
            "body_hash": result.body_hash,
            "unconditional_at": now,
            "last_fetch_at": now,
        }
    return {}


def _pushed_at(work: Work, outcome: Outcome, now: float) -> float | None:
    """See `BindingState.pushed_at`; who asks for a refresh by hand makes no data newer."""
    before, result = work.state, outcome.result
    if work.binding.source.type != PUSHED:
        return None
    if not isinstance(result, Fetched):
        return before.pushed_at
    news = before.pushed_at is None or result.body_hash != before.body_hash
    return now if news or work.trigger is Trigger.WEBHOOK else before.pushed_at


def _drawn(work: Work, image: PublishedImage, state: BindingState, stamp: Stamp) -> Settled:
    """What is new is judged against the last *recorded* image.

    A crash between rename and commit leaves a file that is newer than its record; the next run
    finds equal bytes in place and still owes the event.
    """
    before = work.state.image
    if before is not None and before.etag == image.etag:
        return Settled(state=replace(state, last_render_at=stamp.now))
    state = replace(
        state,
        last_render_at=stamp.now,
        sequence=state.sequence + 1,
        image=StoredImage(
            etag=image.etag,
            size=image.size,
            format=work.binding.output.format.value,
            media_type=image.media_type,
            width=image.width,
            height=image.height,
            published_at=stamp.now,
        ),
    )
    event = make_event(UPDATED, state, _updated(work, state, stamp), stamp)
    return Settled(state=state, event=event)


def _updated(work: Work, state: BindingState, stamp: Stamp) -> dict[str, Any]:
    previous, new = work.state.variables, state.variables or {}
    return {
        "bindingId": state.uid,
        "templateUid": work.binding.template_id,
        "imageUrl": stamp.render_url,
        "previousData": None if previous is None else dict(previous),
        "newData": dict(new),
        "uid": state.uid,
        "templateId": work.binding.template_id,
        "renderUrl": stamp.render_url,
        "changed": changed(previous or {}, new),
        "etag": state.image.etag if state.image else None,
        "trigger": work.trigger.value,
        "sequence": state.sequence,
    }


def changed(previous: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Names of variables that differ, appeared or went, sorted."""
    nothing = object()
    names = previous.keys() | new.keys()
    return sorted(n for n in names if previous.get(n, nothing) != new.get(n, nothing))


def event_id(name: str, state: BindingState) -> str:
    """The id of the event that brought the binding to this state.

    It follows from what happened and not from dice: when a commit was refused and went through all
    the same, the next try writes the same event again, and the database keeps the first. Has the
    image become another one until then, so has the event.
    """
    image = state.image.etag if name == UPDATED and state.image else ""
    of = (name, state.uid, repr(state.created_at), str(state.sequence), image)
    return f"evt_{digest(*of)[:24]}"


def make_event(name: str, state: BindingState, data: Mapping[str, Any], stamp: Stamp) -> Event:
    """The event, with its id in the body too, for receivers that see no headers."""
    id_ = event_id(name, state)
    return Event(
        id=id_,
        name=name,
        uid=state.uid,
        sequence=state.sequence,
        at=stamp.now,
        data={**data, "eventId": id_},
    )
