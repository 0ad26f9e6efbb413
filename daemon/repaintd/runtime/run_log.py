"""Writes down how runs ended: the boring ones by counting, the others line by line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from repaintd.core.health import changed
from repaintd.core.ports import StateStore
from repaintd.core.run import COUNTED, Ending, Run, Streak, ending_of

if TYPE_CHECKING:
    from repaintd.core.pipeline import Outcome, Work
    from repaintd.core.state import BindingState
    from repaintd.errors import RefreshFailed
    from repaintd.runtime.run_steps import RunSteps

ERROR_CHARACTERS: Final = 1_000
NOTABLE_TURN: Final = 0.001
"""Seconds; who waited less did not wait, and a streak needs no number of its own for it."""
_DIGITS: Final = 6
SLOW_COMMIT: Final = 0.1
"""Seconds; a run is written down before it is recorded, and once more where that took so long."""


class Runs(Protocol):
    """Where lines go: the state database."""

    def log_run(self, uid: str, run: Run) -> None:
        """Write it with the next commit or note of its binding: never fails or waits."""


class Store(StateStore, Runs, Protocol):
    """The state database, with its log of runs."""


class RunLog:
    """The log of runs; every method returns the streak to go on with, for the new state."""

    def __init__(self, store: Runs) -> None:
        self._store = store

    def quiet(self, work: Work, ending: Ending, steps: RunSteps) -> Streak:
        """Nothing was to be done: one more of the same, or the first of a new kind."""
        streak, times = work.state.streak, steps.times
        fetch, turn = times.get("fetch", 0.0), times.get("turn", 0.0)
        if turn < NOTABLE_TURN:
            turn = 0.0
        if streak is None or streak.ending is not ending or streak.trigger is not work.trigger:
            return Streak(
                number=self._close(work.state),
                count=1,
                trigger=work.trigger,
                ending=ending,
                first_at=work.now,
                fetch=fetch,
                turn=turn,
            )
        streak.count += 1
        if fetch > streak.fetch:  # noqa: PLR1730 — max() takes twice as long
            streak.fetch = fetch
        if turn > streak.turn:  # noqa: PLR1730
            streak.turn = turn
        return streak

    def succeeded(
        self, work: Work, outcome: Outcome, state: BindingState, steps: RunSteps
    ) -> Streak:
        """It led to *state*, which is about to be recorded."""
        ending = ending_of(outcome)
        if ending in COUNTED:
            return self.quiet(work, ending, steps)
        return self._line(
            work.state,
            steps,
            Run(
                number=_next_number(work.state),
                trigger=work.trigger,
                ending=ending,
                at=work.now,
                last_at=work.now,
                seconds=steps.end(),
                stages=_stages(steps),
                late=steps.late,
                changed=_changed(work.state, state),
                fallbacks=state.fallbacks,
                next_at=state.next_due_at,
                due_reason=state.due_reason,
            ),
        )

    def failed(
        self, before: BindingState, failure: RefreshFailed, state: BindingState, steps: RunSteps
    ) -> Streak:
        """It failed; *state* is about to be recorded, or is all that is left of it."""
        return self._line(
            before,
            steps,
            Run(
                number=_next_number(before),
                trigger=steps.trigger,
                ending=Ending.FAILED,
                at=steps.at,
                last_at=steps.at,
                seconds=steps.end(),
                stages=_stages(steps),
                late=steps.late,
                stage=failure.stage,
                reason=failure.reason,
                error=str(failure)[:ERROR_CHARACTERS],
                next_at=state.next_due_at,
                due_reason=state.due_reason,
            ),
        )

    def recorded(self, uid: str, steps: RunSteps) -> None:
        """Add to the last line what it took to record it, where that was long."""
        seconds, run = steps.at_stage(), steps.line
        if run is not None and seconds >= SLOW_COMMIT:
            stages = {**run.stages, "commit": round(seconds, _DIGITS)}
            self._store.log_run(uid, replace(run, seconds=run.seconds + seconds, stages=stages))

    def _line(self, before: BindingState, steps: RunSteps, run: Run) -> Streak:
        number = self._close(before)
        steps.line = run
        self._store.log_run(before.uid, run)
        return Streak(number=number + 1)

    def _close(self, state: BindingState) -> int:
        """Write down the streak that ends; the number of the next run."""
        streak = state.streak
        ended = streak.closed(state.last_attempt_at) if streak else None
        if ended is not None:
            self._store.log_run(state.uid, ended)
        return _next_number(state)


def _next_number(state: BindingState) -> int:
    return state.streak.next_number if state.streak else 1


def _changed(before: BindingState, after: BindingState) -> tuple[str, ...]:
    if before.variables is after.variables:
        return ()
    return tuple(changed(before.variables or {}, after.variables or {}))


def _stages(steps: RunSteps) -> dict[str, float]:
    """A copy: what is drawn for `serve_default` afterwards goes on with the same watch."""
    return {name: round(seconds, _DIGITS) for name, seconds in steps.times.items()}
