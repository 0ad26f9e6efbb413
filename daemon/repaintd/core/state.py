"""What the daemon remembers of a binding across runs and restarts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from repaintd.core.fetch import NO_VALIDATORS, Validators

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.core.run import Streak


class Trigger(StrEnum):
    """What made a refresh run, as events name it."""

    TTL = "ttl"
    ETAG = "etag"
    WEBHOOK = "webhook"
    MANUAL = "manual"
    UPDATE = "update"


class Status(StrEnum):
    """What a binding is, as the API and the metrics name it (contract B.7)."""

    ACTIVE = "active"
    PAUSED = "paused"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """A variable whose path found nothing, and what it got instead.

    Attributes:
        reason: for people: `path "owner.login" matched nothing: no key "owner"`.
        used: `fallback in the path`, `defaults`, `template default` or `empty`.
    """

    variable: str
    path: str
    reason: str
    used: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """The last good image, as it was published."""

    etag: str
    size: int
    format: str
    media_type: str
    width: int
    height: int
    published_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingState:
    """All that is remembered of one binding. Times are seconds since the epoch, UTC.

    Attributes:
        source_fingerprint: of the source that the validators belong to.
        mapping_fingerprint: of mapping, defaults and template variables behind `variables`.
        render_fingerprint: of everything that the last good image was made from.
        attempted: fingerprint of the configuration that the latest attempt was made with, failed
            or not: another one is tried at once.
        unconditional_at: when a document was last fetched without conditions.
        variables: the mapped variables of the last good run; None before the first.
        sequence: number of the binding's latest event; the next one is one more.
        error_count: failures in a row.
        next_due_at: when it runs next; None when only a trigger can make it run.
        due_reason: which rule decided `next_due_at`: `policy`, `retry`, `retry_after`,
            `cache_control`, `first`, `changed`, `trigger` (one was accepted before a restart that
            no run has seen).
        default_image: fingerprint of the image drawn for `serve_default`, while it is needed.
        triggers_taken: how many of the triggers that the inbox counted the recorded runs have seen;
            where it counted more, a run is owed.
        pushed_at: when a run last took data that was pushed; None for sources that are asked.
        stale_since: when receivers were told that the data is too old; None while it is not.
        streak: the latest runs, while they had nothing to do; the one thing that changes in place.
    """

    uid: str
    source_fingerprint: str = ""
    mapping_fingerprint: str = ""
    render_fingerprint: str = ""
    attempted: str = ""
    validators: Validators = NO_VALIDATORS
    body_hash: str = ""
    unconditional_at: float | None = None
    variables: Mapping[str, Any] | None = None
    fallbacks: tuple[Fallback, ...] = ()
    image: StoredImage | None = None
    default_image: str = ""
    sequence: int = 0
    error_count: int = 0
    last_error: str | None = None
    last_error_stage: str | None = None
    last_error_reason: str | None = None
    last_attempt_at: float | None = None
    last_success_at: float | None = None
    last_fetch_at: float | None = None
    last_render_at: float | None = None
    next_due_at: float | None = None
    due_reason: str = "first"
    created_at: float = 0.0
    triggers_taken: int = 0
    pushed_at: float | None = None
    stale_since: float | None = None
    streak: Streak | None = None
