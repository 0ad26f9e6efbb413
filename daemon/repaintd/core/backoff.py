"""When a failed delivery is tried again. Pure: the dice are an argument."""

from __future__ import annotations

from typing import Final

RETRY_AFTER_MOST: Final = 3_600.0
GROWING_BASE: Final = 1.0
GROWING_MOST: Final = 300.0
GROWING_LEAST: Final = 0.1
_DOUBLINGS_MOST: Final = 32  # beyond it every base has long reached its bound


def stepped(step: float, *, jitter: float, dice: float, retry_after: float | None = None) -> float:
    """Seconds to the next attempt of a schedule: *step*, lengthened or shortened by chance.

    What the receiver asks for makes it later, never earlier, and by no more than the longer of
    the step and an hour: nobody may park events with us for ever.

    Args:
        step: of the schedule, in seconds.
        jitter: share of the step by which chance moves it at most.
        dice: a random number in [0, 1).
        retry_after: seconds that the receiver asked for, if it did.
    """
    delay = step * (1.0 + jitter * (2.0 * dice - 1.0))
    return _raised(delay, retry_after, most=max(step, RETRY_AFTER_MOST))


def growing(
    failures: int,
    *,
    dice: float,
    retry_after: float | None = None,
    base: float = GROWING_BASE,
    most: float = GROWING_MOST,
) -> float:
    """Seconds to the next attempt where there is no schedule: base · 2ⁿ with full jitter.

    Args:
        failures: in a row, this one counted: 1 or more.
        dice: a random number in [0, 1).
        retry_after: seconds that the other side asked for, if it did; clamped to an hour.
        base: the bound after the first failure, in seconds.
        most: the bound that is never passed, in seconds.
    """
    bound = min(base * 2.0 ** min(failures - 1, _DOUBLINGS_MOST), most)
    return _raised(max(GROWING_LEAST, dice * bound), retry_after, most=RETRY_AFTER_MOST)


def _raised(delay: float, retry_after: float | None, *, most: float) -> float:
    return delay if retry_after is None else max(delay, min(retry_after, most))
