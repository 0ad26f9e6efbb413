"""What the log says of runs: aloud what changes, in a low voice what goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from repaintd.core.event import Event
    from repaintd.core.health import Settled
    from repaintd.core.image import PublishedImage
    from repaintd.core.pipeline import Work
    from repaintd.errors import RefreshFailed

_TOLD: Final = (
    "changed",
    "etag",
    "trigger",
    "stage",
    "reason",
    "error",
    "retryCount",
    "nextRetry",
    "asOf",
    "maxStaleSeconds",
)


class RunWords:
    """Says it to the daemon's log."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def recovered(self, work: Work) -> None:
        """A binding that failed works again."""
        failures = work.state.error_count
        self._log.info("binding recovered", binding=work.binding.uid, failures=failures)

    def published(self, work: Work, image: PublishedImage) -> None:
        """An image was drawn."""
        say = self._log.info if image.changed else self._log.debug
        say(
            "image published" if image.changed else "image unchanged",
            binding=work.binding.uid,
            file=work.binding.filename,
            bytes=image.size,
            trigger=work.trigger.value,
        )

    def failed(self, work: Work, failure: RefreshFailed, settled: Settled) -> None:
        """Say it aloud once, when a binding starts to fail; repetitions are details."""
        say = self._log.debug if work.state.error_count else self._log.warning
        say(
            "binding failed",
            binding=work.binding.uid,
            stage=failure.stage,
            reason=failure.reason,
            error=str(failure),
            failures=settled.state.error_count,
            exc_info=failure.__cause__ if failure.reason == "internal" else None,
        )

    def no_default(self, work: Work, failure: RefreshFailed) -> None:
        """The image for `serve_default` could not be drawn."""
        say = self._log.debug if work.state.error_count else self._log.warning
        say("default image not drawn", binding=work.binding.uid, error=str(failure))

    def event(self, event: Event) -> None:
        """An event is on record: all of it but the variables, which may be long."""
        first = event.data.get("retryCount", 1) == 1
        say = self._log.info if first else self._log.debug  # a failure is told once
        say(
            event.name,
            event_id=event.id,
            binding=event.uid,
            sequence=event.sequence,
            **{key: event.data[key] for key in _TOLD if key in event.data},
        )
