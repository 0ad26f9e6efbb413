"""The steps of one run, on a stopwatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from typing import Any

    from repaintd.core.binding import Binding
    from repaintd.core.fetch import FetchResult, Validators
    from repaintd.core.image import PublishedImage, RenderedImage, RenderJob
    from repaintd.core.ports import Clock
    from repaintd.core.run import Run
    from repaintd.core.state import Trigger
    from repaintd.core.template import Template
    from repaintd.runtime.steps import MeasuredSteps


class RunSteps:
    """Implements `core.pipeline.Steps` for one run: who takes the steps says what was reached.

    Attributes:
        trigger: what made it run.
        at: when it started, seconds since the epoch.
        late: seconds from due to started.
        stage: what it is at, out of `core.run.STAGES`.
        mark: when it came to that, in monotonic time.
        times: seconds by stage, those that are over.
        line: what was written down of it.
    """

    __slots__ = ("_clock", "_steps", "at", "late", "line", "mark", "stage", "times", "trigger")

    def __init__(self, steps: MeasuredSteps, clock: Clock, trigger: Trigger, late: float) -> None:
        self._steps = steps
        self._clock = clock
        self.trigger = trigger
        self.late = late
        self.at = clock.now()
        self.mark = clock.monotonic()
        self.stage = "turn"
        self.times: dict[str, float] = {}
        self.line: Run | None = None

    def reached(self, stage: str, at: float) -> None:
        """The stage before is over, *at* in monotonic time."""
        times, ended = self.times, self.stage
        times[ended] = times.get(ended, 0.0) + at - self.mark
        self.stage = stage
        self.mark = at

    def end(self) -> float:
        """Stop the watch; seconds in all."""
        self.reached("commit", self._clock.monotonic())
        return round(sum(self.times.values()), 6)

    def at_stage(self) -> float:
        """Seconds since the stage began that it is at."""
        return self._clock.monotonic() - self.mark

    def fetch(
        self, binding: Binding, validators: Validators, *, failing: bool
    ) -> Coroutine[Any, Any, FetchResult]:
        """Ask the source."""
        return self._steps.fetch(binding, validators, self, failing=failing)

    def expand(self, template: Template, variables: Mapping[str, Any]) -> Coroutine[Any, Any, str]:
        """Put the variables into the markup."""
        return self._steps.expand(template, variables, self)

    def render(self, job: RenderJob) -> Coroutine[Any, Any, RenderedImage]:
        """Draw the markup."""
        return self._steps.render(job, self)

    def publish(
        self, binding: Binding, image: RenderedImage
    ) -> Coroutine[Any, Any, PublishedImage]:
        """Put the image in place."""
        return self._steps.publish(binding, image, self)
