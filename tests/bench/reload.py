"""What a reload costs that finds one binding changed, or the template of half of them."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.reload_daemon import TICK, TTL
from bench.reload_scene import NUMBER, SETTLE, Looked, open_scene
from bench.table import Budget, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.effort import Effort
    from bench.workspace import Workspace


async def measure(workspace: Workspace, effort: Effort) -> Sequence[Row]:
    """Seconds, blocks of the event loop, and timers moved."""
    idle, written, posted, dressed = Looked(), Looked(), Looked(), Looked()
    one = range(NUMBER, NUMBER + 1)
    async with open_scene(workspace, effort.small) as scene:
        for _ in range(effort.rounds):
            await scene.look(idle, scene.nothing, range(0))
            await scene.look(written, scene.written, one)
            await scene.look(posted, scene.posted, one)
        for _ in range(effort.rounds):  # last, as what they change is redrawn for a while
            await scene.look(dressed, scene.dressed, range(scene.half))
        first_load, half = scene.first_load, scene.half
    return [
        *_times(effort.small, written, posted, first_load),
        *_disturbances(effort.small, idle, [written, posted]),
        *_template(half, idle, dressed),
    ]


def _times(size: int, written: Looked, posted: Looked, first_load: float) -> Sequence[Row]:
    return [
        Row(
            name=f"reload, one of {size:,} bindings changed",
            ours=statistics.median(written.seconds),
            baseline=first_load,
            unit="s",
            budget=Budget(of="ours", at_most=1),
            note="from the write of its file until config.applied is read from the event stream, "
            f"less the {SETTLE:g} s that files must hold still, while all are polled every "
            f"{TTL} s; baseline: reading all files, as at the start",
        ),
        Row(
            name="the same by POST /-/reload",
            ours=statistics.median(posted.seconds),
            baseline=first_load,
            unit="s",
            budget=Budget(of="ours", at_most=1),
            note=f"until the answer, those {SETTLE:g} s included",
        ),
    ]


def _disturbances(size: int, idle: Looked, reloads: Sequence[Looked]) -> Sequence[Row]:
    looks = sum(len(each.blocked) for each in reloads)
    return [
        _block(
            "event loop blocked by it",
            idle,
            reloads,
            f"the longest between two ticks of {1000 * TICK:g} ms in {looks} reloads; baseline: "
            "nothing but polls, no reload",
        ),
        _moved(
            "timers moved by it",
            reloads,
            f"of the other {size - 1:,}, in {looks} reloads: who was not polled meanwhile is due "
            "at the very same instant, who was polled, when it was due, in its own rhythm",
        ),
    ]


def _template(half: int, idle: Looked, dressed: Looked) -> Sequence[Row]:
    return [
        Row(
            name=f"reload, template of {half:,} bindings changed",
            ours=statistics.median(dressed.seconds),
            unit="s",
            note="as above, before most are redrawn; a renderer that takes no time",
        ),
        _block("event loop blocked by the template", idle, [dressed], "the longest, as above"),
        _moved("timers of others moved by it", [dressed], "as above"),
    ]


def _block(name: str, idle: Looked, reloads: Sequence[Looked], note: str) -> Row:
    longest, busy = max(block for each in reloads for block in each.blocked)
    return Row(
        name=name,
        ours=1000 * longest,
        baseline=1000 * max(idle.blocked)[0],
        unit="ms",
        budget=Budget(of="ours", at_most=100),
        note=f"{note}; {1000 * busy:.0f} ms of it other processes had all cores",
    )


def _moved(name: str, reloads: Sequence[Looked], note: str) -> Row:
    return Row(
        name=name,
        ours=sum(each.moved for each in reloads),
        unit="",
        budget=Budget(of="ours", at_most=0),
        note="; ".join([note, *(each.example for each in reloads if each.example)]),
    )
