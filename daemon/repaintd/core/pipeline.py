"""The refresh pipeline: one direction, one function that reads like the picture in the README."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from repaintd.core.binding import PolicyType
from repaintd.core.fetch import (
    NO_VALIDATORS,
    Fetched,
    NoDocument,
    NotModified,
)
from repaintd.core.fingerprint import render_fingerprint
from repaintd.core.image import RenderJob
from repaintd.core.mapping import Mapped, map_document
from repaintd.core.state import Trigger
from repaintd.core.template import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.core.binding import Binding
    from repaintd.core.fetch import FetchResult, Validators
    from repaintd.core.image import PublishedImage, RenderedImage
    from repaintd.core.state import BindingState
    from repaintd.core.template import Template

MAX_CONDITIONAL_AGE: Final = 86_400.0  # one full fetch a day, lest a broken 304 lasts for ever


class Steps(Protocol):
    """The four steps that leave the process; each fails with the RefreshFailed of its stage."""

    async def fetch(
        self, binding: Binding, validators: Validators, *, failing: bool
    ) -> FetchResult:
        """Ask the source; *failing* when the last attempt failed."""

    async def expand(self, template: Template, variables: Mapping[str, Any]) -> str:
        """Put the variables into the markup."""

    async def render(self, job: RenderJob) -> RenderedImage:
        """Draw the markup."""

    async def publish(self, binding: Binding, image: RenderedImage) -> PublishedImage:
        """Put the image in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One refresh to do, with all that is known before it starts.

    Attributes:
        configured: fingerprint of all in the configuration that decides what the image shows.
        drawn: whether the published image is known to show `state.variables` in this very template
            and output, so that a 304 ends the refresh without another look.
        received: how many triggers the binding had got when the run began: it has seen them all.
    """

    binding: Binding
    template: Template
    state: BindingState
    trigger: Trigger
    now: float
    mapping_fingerprint: str
    configured: str = ""
    drawn: bool = False
    received: int = 0
    render_timeout: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a refresh that did not fail came to.

    Attributes:
        result: what the source answered; None when it was not asked.
        mapped: the variables now; None when there are none yet (a webhook source that waits).
        render_fingerprint: of what the image would be, or was, made from.
        image: what was published; None when nothing was drawn.
        skipped: the level of saved work: `fetch`, `render`, `publish`, or None.
    """

    result: FetchResult | None
    mapped: Mapped | None
    render_fingerprint: str = ""
    image: PublishedImage | None = None
    skipped: str | None = None


async def refresh(work: Work, steps: Steps) -> Outcome:
    """Fetch, map, and where something changed: render and publish.

    Raises:
        RefreshFailed: the stage that failed; the published image is untouched.
    """
    result = await _fetch(work, steps)
    if work.drawn and isinstance(result, NotModified) and not work.template.volatile:
        return Outcome(result=result, mapped=None, skipped="fetch")
    mapped = _map(work, result)
    if isinstance(result, Fetched):
        result = _kept(work, result)
    if mapped is None:
        return Outcome(result=result, mapped=None)
    fingerprint = render_fingerprint(mapped.variables, work.template, work.binding.output)
    if not _must_render(work, fingerprint):
        return Outcome(
            result=result,
            mapped=mapped,
            render_fingerprint=fingerprint,
            skipped=_saved_level(result),
        )
    markup = await steps.expand(work.template, mapped.variables)
    drawn = await steps.render(render_job(work, markup))
    image = await steps.publish(work.binding, drawn)
    return Outcome(
        result=result,
        mapped=mapped,
        render_fingerprint=fingerprint,
        image=image,
        skipped=None if image.changed else "publish",
    )


async def draw_default(work: Work, steps: Steps) -> tuple[str, RenderedImage] | None:
    """The picture from defaults alone, for `serve_default`; None when it is in place already.

    Raises:
        RefreshFailed: it cannot be drawn.
    """
    mapped = map_document(work.binding, work.template, MISSING)
    fingerprint = render_fingerprint(mapped.variables, work.template, work.binding.output)
    if work.state.default_image == fingerprint:
        return None
    markup = await steps.expand(work.template, mapped.variables)
    return fingerprint, await steps.render(render_job(work, markup))


def render_job(work: Work, markup: str) -> RenderJob:
    """What the renderer is asked for; the template's size where the binding is silent."""
    output, template = work.binding.output, work.template
    return RenderJob(
        template=template,
        markup=markup,
        width=output.width or template.width,
        height=output.height or template.height,
        scale=template.scale,
        format=output.format,
        quality=output.quality,
        timeout=work.render_timeout,
    )


async def _fetch(work: Work, steps: Steps) -> FetchResult | None:
    """Ask the source, unless a change of the configuration can be drawn from what is known.

    Whatever the run is called after: a trigger that no run has seen yet may have brought data.
    """
    known = _variables_stand(work)
    triggered = work.received > work.state.triggers_taken
    if known and work.trigger is Trigger.UPDATE and not triggered:
        return None
    conditional = known and _may_be_conditional(work)
    validators = work.state.validators if conditional else NO_VALIDATORS
    return await steps.fetch(work.binding, validators, failing=work.state.error_count > 0)


def _variables_stand(work: Work) -> bool:
    """Whether the stored variables are what the source's last document would map to now."""
    state = work.state
    return (
        state.variables is not None
        and state.source_fingerprint == work.binding.source.fingerprint
        and state.mapping_fingerprint == work.mapping_fingerprint
    )


def _may_be_conditional(work: Work) -> bool:
    """Whether a 304 would be believed: a full fetch is due once a day whatever the source says."""
    fetched_at = work.state.unconditional_at
    return fetched_at is not None and 0 <= work.now - fetched_at < MAX_CONDITIONAL_AGE


def _map(work: Work, result: FetchResult | None) -> Mapped | None:
    if isinstance(result, Fetched) and not _same_document(work, result):
        return map_document(work.binding, work.template, result.document)
    if isinstance(result, NoDocument):
        lenient = replace(work.template, strict=False)  # nothing is missing yet: it was not sent
        found = map_document(work.binding, lenient, MISSING)
        return found if found.complete else None
    # conditions are sent only where variables stand, so a 304 always finds them
    variables = dict(work.state.variables or {})
    return Mapped(variables=variables, fallbacks=work.state.fallbacks, complete=True)


def _same_document(work: Work, result: Fetched) -> bool:
    """The `etag` policy's rule: an equal ETag or equal bytes are no new data, also behind a 200.

    A tag counts only in an answer to a question with conditions: the daily full fetch is there to
    find out about tags that lie.
    """
    if work.binding.refresh.type is not PolicyType.ETAG or not _variables_stand(work):
        return False
    if result.body_hash == work.state.body_hash:
        return True
    etag = result.validators.etag
    return etag is not None and etag == work.state.validators.etag and _may_be_conditional(work)


def _kept(work: Work, result: Fetched) -> Fetched:
    """Without the document, as many may wait to be drawn; with the hash of the one that was mapped.

    What the `etag` policy took for unchanged by its tag was never looked at.
    """
    same = _same_document(work, result)
    return replace(
        result, document=None, body_hash=work.state.body_hash if same else result.body_hash
    )


def _must_render(work: Work, fingerprint: str) -> bool:
    state = work.state
    if state.image is None or state.render_fingerprint != fingerprint:
        return True
    return work.template.volatile


def _saved_level(result: FetchResult | None) -> str:
    return "fetch" if isinstance(result, NotModified) else "render"
