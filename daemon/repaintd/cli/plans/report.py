"""What a report of a plan tells of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from repaintd.app.plan import Plan
    from repaintd.app.plan_pictures import Gallery

_LEAST: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """The plan and its pictures.

    Attributes:
        gallery: None where none were asked for.
        pictures: what stands before the names of pictures: "" or a URL or path with its slash.
    """

    plan: Plan
    gallery: Gallery | None = None
    pictures: str = ""


def headline(plan: Plan) -> str:
    """What would change, in one line."""
    if plan.empty:
        return "nothing changes"
    counts = plan.counts
    kinds = [name for name in ("added", "changed", "removed") if counts[name]]
    bindings = [f"{counts[name]:,} {name}" for name in kinds]
    if kinds:
        bindings[0] = f"{counted(counts[kinds[0]], 'binding')} {kinds[0]}"
    others = [
        f"{counted(counts[f'{name}s'], name)} changed"
        for name in ("template", "setting")
        if counts[f"{name}s"]
    ]
    return "; ".join([*filter(None, [", ".join(bindings)]), *others])


def consequences(plan: Plan) -> str:
    """What a daemon would do because of it, in one line; "" where that is nothing."""
    counts = plan.counts
    parts = [
        f"{counts[name]:,} {words}"
        for name, words in (
            ("redrawn", "redrawn"),
            ("refetched", "fetched anew"),
            ("added", "drawn for the first time"),
        )
        if counts[name]
    ]
    if counts["removed"]:
        parts.append(f"{counted(counts['removed'], 'image')} removed")
    if counts["restartNeeded"]:
        parts.append("the daemon has to be restarted")
    return ", ".join(parts)


def percent(share: float) -> str:
    """A share of pixels in words."""
    if share == 0:
        return "no pixel differs"
    if share < _LEAST:
        return "less than 0.1 % of the pixels differ"
    return f"{share * 100:.1f} % of the pixels differ"


def counted(number: int, one: str) -> str:
    """`1 binding`, `2 bindings`."""
    return f"{number:,} {one}{'s' * (number != 1)}"
